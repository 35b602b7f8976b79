#!/bin/sh
# Runs vgg16 out of this folder, with nothing from the environment: ./run.sh doctor, ./run.sh bench e2e --help
set -u
# readlink and uname are here on every Linux, whatever PATH says.
PATH=${PATH:+$PATH:}/usr/bin:/bin
export PATH

self=$0
case $self in */*) ;; *) self=./$self ;; esac
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
folder=${self%/*}
folder=$(CDPATH='' cd -- "${folder:-/}" && pwd -P) || exit 1

# Node asks for one when it starts, and a user whom /etc/passwd does not know has none.
HOME=${HOME:-$folder}
export HOME

if [ "$(uname -s) $(uname -m)" != 'Linux x86_64' ]; then
  echo "run.sh: this bundle is for Linux on x86_64, and this is $(uname -s) on $(uname -m)" >&2
  exit 1
fi

[ $# -gt 0 ] || set -- bench e2e
"$folder/bin/node" "$folder/app/vgg16.js" "$@"
code=$?

case $code in
  126 | 127)
    echo 'run.sh: bin/node does not start here; it needs glibc 2.28 and libstdc++.so.6' >&2
    ;;
  5)
    loader='missing: install libvulkan1 (Debian, Ubuntu) or vulkan-loader (Fedora, RHEL)'
    for file in /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib /usr/local/lib; do
      [ ! -e "$file/libvulkan.so.1" ] || loader=$file/libvulkan.so.1
    done
    drivers=
    for file in /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json; do
      [ ! -e "$file" ] || drivers="$drivers $file"
    done
    cat >&2 << END
run.sh: Dawn computes through Vulkan, and needs of this machine
  libvulkan.so.1    $loader
  a driver's .json  ${drivers:-missing: install the GPU's driver, or mesa-vulkan-drivers to compute on the CPU}
  glibc 2.34 and libstdc++ of GCC 12 or newer, as Debian 12 and Ubuntu 22.04 have them
END
    if [ -e /dev/nvidiactl ]; then
      cat >&2 << 'END'
  NVIDIA's driver   wants libX11.so.6 and libXext.so.6 as well; a container has it where NVIDIA_DRIVER_CAPABILITIES
                    says graphics or all, not just compute
END
    fi
    ;;
esac
exit $code
