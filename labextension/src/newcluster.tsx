import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Answers } from './cells';
import { IKind, IOption } from './registry';

/** What the form holds; kept over a reload. */
export interface IDraft {
  readonly kind: string;
  readonly name: string;
  readonly answers: Answers;
}

interface IProps {
  readonly kinds: readonly IKind[];
  readonly draft: IDraft;
  readonly trans: TranslationBundle;
  change(draft: IDraft): void;
  insert(kind: IKind, draft: IDraft): void;
}

/** A form that writes the cell for a new cluster; the person runs it. */
export function NewCluster({ kinds, draft, trans, change, insert }: IProps): JSX.Element | null {
  const kind = kinds.find(each => each.name === draft.kind) ?? kinds[0];
  if (!kind) {
    return null;
  }
  const missing = kind.options.filter(
    option => option.required && !(draft.answers[option.name] ?? '').trim()
  );
  return (
    <form
      className="spicelab-nb-New"
      aria-label={trans.__('New cluster')}
      onSubmit={event => {
        event.preventDefault();
        if (!kind.problem && !missing.length) {
          insert(kind, draft);
        }
      }}
    >
      <label>
        <span>{trans.__('Kind')}</span>
        <select
          className="jp-mod-styled"
          value={kind.name}
          onChange={event => change({ ...draft, kind: event.target.value, answers: {} })}
        >
          {kinds.map(each => (
            <option key={each.name} value={each.name}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <p className="spicelab-nb-Hint">{kind.summary}</p>
      {kind.problem !== '' && <p className="spicelab-nb-Problem">{kind.problem}</p>}
      <label>
        <span>{trans.__('Name')}</span>
        <input
          className="jp-mod-styled"
          value={draft.name}
          placeholder={trans.__('chosen for you')}
          onChange={event => change({ ...draft, name: event.target.value })}
        />
      </label>
      {kind.options.map(option => (
        <Option
          key={`${kind.name}.${option.name}`}
          option={option}
          value={draft.answers[option.name] ?? ''}
          trans={trans}
          change={value =>
            change({ ...draft, answers: { ...draft.answers, [option.name]: value } })
          }
        />
      ))}
      <button
        className="jp-mod-styled jp-mod-accept"
        type="submit"
        disabled={kind.problem !== '' || missing.length > 0}
      >
        {trans.__('Insert cell')}
      </button>
    </form>
  );
}

function Option(props: {
  readonly option: IOption;
  readonly value: string;
  readonly trans: TranslationBundle;
  change(value: string): void;
}): JSX.Element {
  const { option, value, trans, change } = props;
  const usual = option.default === null ? trans.__('chosen for you') : String(option.default);
  const label = option.name.replace(/_/g, ' ');
  return (
    <label title={option.help}>
      <span>{label}</span>
      {option.type === 'bool' ? (
        <select
          className="jp-mod-styled"
          value={value === '' ? usual : value}
          onChange={event => change(event.target.value)}
        >
          <option value="true">{trans.__('yes')}</option>
          <option value="false">{trans.__('no')}</option>
        </select>
      ) : (
        <input
          className="jp-mod-styled"
          type={option.type === 'str' ? 'text' : 'number'}
          step={option.type === 'int' ? 1 : 'any'}
          min={option.type === 'int' ? 0 : undefined}
          value={value}
          required={option.required}
          placeholder={option.required ? trans.__('needed') : usual}
          onChange={event => change(event.target.value)}
        />
      )}
    </label>
  );
}
