// A reporter for node --test: results to $BITNET_RESULTS (see results.mjs), everything printed to $BITNET_LOG, and to the
// screen only parity hashes, diagnostics and failures. Tests are counted, at every depth; a suite (describe) only when it
// was skipped as a whole or a hook of it failed, for then its tests say nothing or not why.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { record, shown, describe } from './results.mjs';

const { BITNET_RESULTS: results, BITNET_LOG: log } = process.env;

const counts = ({ details, skip }) =>
  details?.type !== 'suite' || skip !== undefined || details.error?.failureType === 'hookFailed';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      appendFileSync(log, data.message);
      for (const line of shown(data.message)) yield `  ${line}\n`;
    } else if (type === 'test:diagnostic' && data.file) {
      appendFileSync(log, `${data.message}\n`);
      yield `  ${data.message}\n`;
    } else if ((type === 'test:pass' || type === 'test:fail') && counts(data)) {
      const error = data.details?.error;
      const file = data.file ? relative('', data.file) : '';
      const wholeFile = data.name === data.file || data.name === file;
      const name = wholeFile ? file : `${file}: ${data.name}`;
      if (data.skip !== undefined || data.todo !== undefined) {
        const reason = data.skip ?? `to do: ${data.todo}`;
        record(results, 'skipped', name, reason === true ? 'no reason given' : reason);
      } else if (type === 'test:pass') {
        if (!wholeFile) record(results, 'passed', name);
      } else if (error?.failureType !== 'subtestsFailed') {
        const cause = error?.cause ?? error;
        // A file whose process died tells no more than how it ended.
        const end = error?.exitCode !== undefined || error?.signal ? `, exit status ${error.exitCode}, signal ${error.signal}` : '';
        record(results, 'failed', name, `${cause?.message ?? cause}${end}`);
        const detail = describe(name, `${cause?.stack ?? cause?.message ?? cause}${end}`);
        appendFileSync(log, `${detail}\n`);
        yield `${detail}\n`;
      }
    }
  }
}
