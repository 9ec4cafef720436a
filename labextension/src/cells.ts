import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import { word } from './format';
import { IKind } from './registry';

const LOAD = '%load_ext spicelab_nb';

/** What a form says of a new cluster: texts as typed, by option. */
export type Answers = { readonly [option: string]: string };

/** The cell that starts a cluster; options left at their defaults are not written. */
export function startCell(kind: IKind, name: string, answers: Answers): string {
  const words = ['%spicelab_cluster', kind.name];
  for (const option of kind.options) {
    const given = (answers[option.name] ?? '').trim();
    if (given === '' || given === String(option.default ?? '')) {
      continue;
    }
    words.push(`--${option.name.replace(/_/g, '-')}`, word(given));
  }
  if (name.trim() !== '') {
    words.push('--name', word(name.trim()));
  }
  return `${LOAD}\n${words.join(' ')}`;
}

/** The cell that makes a live cluster the current one. */
export function connectCell(name: string): string {
  return `${LOAD}\n%spicelab_cluster use ${word(name)}`;
}

/**
 * Put a cell into the current notebook, or into a new one where none is open; it is not run.
 *
 * An empty active cell is filled, otherwise the new one comes below it.
 */
export async function insertCell(
  source: string,
  app: JupyterFrontEnd,
  tracker: INotebookTracker
): Promise<void> {
  const panel =
    tracker.currentWidget ??
    ((await app.commands.execute('notebook:create-new', {})) as NotebookPanel);
  await panel.context.ready;
  await panel.revealed;
  const notebook = panel.content;
  const active = notebook.activeCell;
  if (
    active === null ||
    active.model.type !== 'code' ||
    !isBlank(active.model.sharedModel.source)
  ) {
    NotebookActions.insertBelow(notebook);
  }
  notebook.activeCell?.model.sharedModel.setSource(source);
  app.shell.activateById(panel.id);
  notebook.mode = 'edit';
}

function isBlank(source: string): boolean {
  return source.trim() === '';
}
