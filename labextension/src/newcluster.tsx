import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Answers } from './cells';
import { capital } from './format';
import { IKind, IOption, IPreset, IPresets } from './registry';

/** What the form holds; kept over a reload. */
export interface IDraft {
  readonly kind: string;
  readonly name: string;
  readonly answers: Answers;
  /** Name of the preset that it began with, or an empty string. */
  readonly preset: string;
}

interface IProps {
  readonly kinds: readonly IKind[];
  readonly presets: IPresets;
  readonly draft: IDraft;
  readonly trans: TranslationBundle;
  change(draft: IDraft): void;
  insert(kind: IKind, draft: IDraft): void;
  save(kind: IKind, draft: IDraft): void;
  forget(preset: IPreset): void;
}

/** A form that writes the cell for a new cluster; the person runs it. */
export function NewCluster(props: IProps): JSX.Element | null {
  const { kinds, presets, draft, trans, change, insert } = props;
  const preset = presets.presets.find(each => each.name === draft.preset);
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
      <Presets {...props} chosen={preset} />
      <label>
        <span>{trans.__('Kind')}</span>
        <select
          className="jp-mod-styled"
          value={kind.name}
          onChange={event =>
            change({ ...draft, kind: event.target.value, answers: {}, preset: '' })
          }
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
      <div className="spicelab-nb-Actions">
        <button
          className="jp-mod-styled jp-mod-accept"
          type="submit"
          disabled={kind.problem !== '' || missing.length > 0}
          title={trans.__('Insert a cell that starts this cluster; it is not run')}
        >
          {trans.__('Insert cell')}
        </button>
        <button
          className="jp-mod-styled"
          type="button"
          onClick={() => props.save(kind, draft)}
          title={trans.__('Keep these options under a name, to be offered here again')}
        >
          {trans.__('Save as preset …')}
        </button>
        {preset && (
          <button
            className="jp-mod-styled"
            type="button"
            onClick={() => props.forget(preset)}
            aria-label={trans.__('Forget the preset %1', preset.name)}
          >
            {trans.__('Forget preset')}
          </button>
        )}
      </div>
    </form>
  );
}

/** What the person has saved; nothing where that is nothing. */
function Presets(props: IProps & { readonly chosen: IPreset | undefined }): JSX.Element | null {
  const { presets, draft, trans, change, chosen } = props;
  if (presets.problem !== '') {
    return <p className="spicelab-nb-Problem">{presets.problem}</p>;
  }
  if (!presets.presets.length) {
    return null;
  }
  const take = (name: string): void => {
    const preset = presets.presets.find(each => each.name === name);
    change(
      preset
        ? { ...draft, kind: preset.kind, answers: preset.options, preset: name }
        : { ...draft, preset: '' }
    );
  };
  return (
    <label>
      <span>{trans.__('Preset')}</span>
      <select
        className="jp-mod-styled"
        value={chosen?.name ?? ''}
        onChange={event => take(event.target.value)}
      >
        <option value="">{trans.__('none')}</option>
        {presets.presets.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
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
  const words = capital(option.name.replace(/_/g, ' '));
  const label = option.unit === '' ? words : trans.__('%1 (%2)', words, option.unit);
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
