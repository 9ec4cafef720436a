import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ICheckup, IFinding } from './registry';

interface IProps {
  readonly checkup: ICheckup | null;
  readonly checking: boolean;
  readonly trans: TranslationBundle;
  check(): void;
}

/** What is installed where the server runs, what is missing, and the command that mends it. */
export function Checkup({ checkup, checking, trans, check }: IProps): JSX.Element {
  return (
    <section className="spicelab-nb-Checkup" aria-label={trans.__('Installation')}>
      <div className="spicelab-nb-Bar">
        <h2>{trans.__('Installation')}</h2>
        <button
          className="jp-mod-styled"
          onClick={check}
          disabled={checking}
          title={trans.__('See what is installed, what is missing, and how to get it')}
        >
          {checking ? trans.__('Looking …') : trans.__('Check')}
        </button>
      </div>
      {checkup !== null && (
        <ul aria-label={trans.__('What was found')}>
          {checkup.findings.map(finding => (
            <Finding key={finding.what} finding={finding} trans={trans} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Finding(props: {
  readonly finding: IFinding;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { what, grade, text, install } = props.finding;
  const words = {
    good: props.trans.__('there'),
    missing: props.trans.__('missing'),
    bad: props.trans.__('to mend')
  };
  return (
    <li className="spicelab-nb-Finding" data-grade={grade}>
      <div>
        <strong>{what}</strong>
        <span className="spicelab-nb-State" data-grade={grade}>
          {words[grade]}
        </span>
      </div>
      <p className="spicelab-nb-Hint">{text}</p>
      {install !== '' && (
        // A region of its own: a long command is scrolled by keyboard, too.
        <pre
          role="region"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          aria-label={props.trans.__('Command that mends %1', what)}
        >
          {install}
        </pre>
      )}
    </li>
  );
}
