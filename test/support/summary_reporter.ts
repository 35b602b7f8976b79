// Ends a test run with one line that a person and a script can read, and says aloud what was skipped.

import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => cases.filter((test) => test.result().state === state).length;
    const skipped = cases.filter((test) => test.result().state === 'skipped');
    for (const test of skipped)
      console.log(`SKIPPED ${test.module.relativeModuleId} > ${test.fullName}${noteOf(test)}`);
    // A file that did not load has no tests to count, and is a failure all the same.
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandledErrors.length;
    console.log(`${count('passed')} passed, ${count('failed') + broken} failed, ${skipped.length} skipped`);
  }
}

function noteOf(test: TestCase): string {
  const result = test.result();
  return result.state === 'skipped' && result.note ? `: ${result.note}` : '';
}
