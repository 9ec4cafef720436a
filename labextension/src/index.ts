import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, InputDialog, showDialog } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';

import { connectCell, insertCell, startCell } from './cells';
import { clustersIcon } from './icons';
import { ClustersModel } from './model';
import { IDraft } from './newcluster';
import { ClustersPanel, IPanelActions } from './panel';
import { ICheckup, ICluster, IKind, Registry } from './registry';

const PLUGIN = '@spicelab/nb:clusters';
const DRAFT = `${PLUGIN}:draft`;
/** Commands of dask-labextension, where it is installed. */
const DASK_URL = 'dask:populate-dashboard-url';
const DASK_PANES = 'dask:launch-layout';
/** Milliseconds within which it has looked at the dashboard, and tries to see whether it has. */
const DASK_LOOK = { tries: 50, pause: 100 };

namespace CommandIDs {
  export const open = 'spicelab-nb:open-clusters';
  export const insertStart = 'spicelab-nb:insert-cluster-cell';
  export const check = 'spicelab-nb:check-installation';
  export const refresh = 'spicelab-nb:refresh-clusters';
}

interface ISettings {
  readonly seconds: number;
  readonly kind: string;
  readonly workers: number | null;
}

function read(settings: ISettingRegistry.ISettings): ISettings {
  return {
    seconds: settings.get('pollSeconds').composite as number,
    kind: settings.get('kind').composite as string,
    workers: settings.get('workers').composite as number | null
  };
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN,
  description: 'A sidebar with the clusters of spicelab_nb and the campaigns on them.',
  autoStart: true,
  requires: [INotebookTracker, ISettingRegistry],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, IStateDB, ITranslator],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    registry: ISettingRegistry,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('spicelab_nb');
    const settings = await registry.load(PLUGIN);
    const model = new ClustersModel(new Registry(app.serviceManager.serverSettings), {
      seconds: read(settings).seconds
    });
    settings.changed.connect(() => {
      model.seconds = read(settings).seconds;
    });

    const usual = (): IDraft => {
      const { kind, workers } = read(settings);
      const answers: Record<string, string> = {};
      if (workers !== null) {
        answers.workers = String(workers);
      }
      return { kind, name: '', answers, preset: '' };
    };
    const actions = panelActions(app, notebooks, model, state, trans);
    const panel = new ClustersPanel(model, actions, trans, usual());
    panel.title.icon = clustersIcon;
    app.shell.add(panel, 'left', { rank: 620, type: 'Clusters' });
    restorer?.add(panel, panel.id);
    void state?.fetch(DRAFT).then(kept => {
      if (kept) {
        panel.draft = { ...usual(), ...(kept as unknown as IDraft) };
      }
    });

    app.commands.addCommand(CommandIDs.open, {
      label: trans.__('Spicelab Clusters'),
      caption: trans.__('Show the clusters of spicelab_nb, and start another'),
      icon: clustersIcon,
      execute: () => app.shell.activateById(panel.id)
    });
    app.commands.addCommand(CommandIDs.insertStart, {
      label: trans.__('Insert a Cell That Starts a Cluster'),
      caption: trans.__(
        'Insert %spicelab_cluster with the defaults of the settings; it is not run'
      ),
      execute: async () => {
        const kinds = model.kinds.length ? model.kinds : await model.registry.kinds();
        const draft = usual();
        const kind = kinds.find(each => each.name === draft.kind) ?? kinds[0];
        await insertCell(startCell(kind, draft.name, draft.answers), app, notebooks);
      }
    });
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh Spicelab Clusters'),
      caption: trans.__('Look again which clusters are live'),
      isEnabled: () => panel.isVisible,
      execute: () => model.refresh()
    });
    app.commands.addCommand(CommandIDs.check, {
      label: trans.__('Check the Spicelab Installation'),
      caption: trans.__('See what is installed, what is missing, and how to get it'),
      execute: async () => {
        app.shell.activateById(panel.id);
        await actions.check();
      }
    });
    const category = trans.__('Spicelab');
    Object.values(CommandIDs).forEach(command => palette?.addItem({ command, category }));
    launcher?.add({ command: CommandIDs.open, category: trans.__('Other'), rank: 10 });
  }
};

function panelActions(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  model: ClustersModel,
  state: IStateDB | null,
  trans: TranslationBundle
): IPanelActions {
  const report = (work: Promise<void>): void => {
    work.catch(error =>
      model.act(async () => {
        throw error;
      })
    );
  };
  return {
    scale: (cluster: ICluster, workers: number) =>
      report(
        model.act(async () => {
          await model.registry.scale(cluster.id, workers);
          return trans._n(
            '%2 is asked for %1 worker.',
            '%2 is asked for %1 workers.',
            workers,
            cluster.name
          );
        })
      ),
    stop: (cluster: ICluster) =>
      report(
        confirmStop(cluster, trans).then(sure =>
          sure
            ? model.act(async () => {
                await model.registry.stop(cluster.id);
                return trans.__('%1 is asked to stop.', cluster.name);
              })
            : undefined
        )
      ),
    prune: () =>
      report(
        model.act(async () => {
          const removed = await model.registry.prune();
          return removed.length
            ? trans.__('Removed: %1.', removed.join(', '))
            : trans.__('Nothing was left behind.');
        })
      ),
    savePreset: async (kind: IKind, draft: IDraft) => {
      const { value: name } = await InputDialog.getText({
        title: trans.__('Save as Preset'),
        label: trans.__('Name, to find these options by:'),
        text: draft.preset || draft.name || kind.name,
        okLabel: trans.__('Save')
      });
      if (!name?.trim()) {
        return null;
      }
      const preset = { name: name.trim(), kind: kind.name, options: answered(draft) };
      let saved: string | null = null;
      await model.actOnPresets(async () => {
        if (['.', '..'].includes(preset.name)) {
          // The browser would take it for a folder of the address.
          throw new Error(trans.__('%1 is no name for a preset.', preset.name));
        }
        await model.registry.savePreset(preset);
        saved = preset.name;
        return trans.__('The preset %1 is saved.', preset.name);
      });
      return saved;
    },
    forgetPreset: (name: string) =>
      report(
        model.actOnPresets(async () => {
          await model.registry.forgetPreset(name);
          return trans.__('The preset %1 is forgotten.', name);
        })
      ),
    check: () => model.checkUp(found => verdict(found, trans)),
    connect: (cluster: ICluster) => report(insertCell(connectCell(cluster.name), app, notebooks)),
    openDashboard: (cluster: ICluster) => report(openDashboard(app, cluster.dashboard)),
    insert: (kind: IKind, draft: IDraft) =>
      report(insertCell(startCell(kind, draft.name, draft.answers), app, notebooks)),
    remember: (draft: IDraft) => {
      void state?.save(DRAFT, { ...draft, answers: { ...draft.answers } });
    }
  };
}

/** What a form says, without what is left blank. */
function answered(draft: IDraft): Record<string, string> {
  return Object.fromEntries(Object.entries(draft.answers).filter(([, text]) => text.trim() !== ''));
}

/** The findings in one sentence. */
function verdict(found: ICheckup, trans: TranslationBundle): string {
  if (found.healthy) {
    return trans.__('Campaigns can run here.');
  }
  const bad = found.findings.filter(each => each.grade === 'bad').map(each => each.what);
  return trans.__('To mend, before campaigns can run: %1.', bad.join(', '));
}

/** Open the panes of dask-labextension where it is installed and can see it, else the page. */
async function openDashboard(app: JupyterFrontEnd, url: string): Promise<void> {
  if (app.commands.hasCommand(DASK_URL) && app.commands.hasCommand(DASK_PANES)) {
    await app.commands.execute(DASK_URL, { url });
    // Its own command for both does not wait until it knows which panes there are.
    for (let tries = 0; tries < DASK_LOOK.tries; tries++) {
      if (app.commands.isEnabled(DASK_PANES)) {
        await app.commands.execute(DASK_PANES);
        return;
      }
      await new Promise(resolve => setTimeout(resolve, DASK_LOOK.pause));
    }
  }
  window.open(url, '_blank', 'noopener');
}

/** Ask once more where a campaign runs on it. */
async function confirmStop(cluster: ICluster, trans: TranslationBundle): Promise<boolean> {
  const running = Object.keys(cluster.campaigns).filter(
    name => cluster.campaigns[name].state === 'running'
  );
  if (!running.length) {
    return true;
  }
  const answer = await showDialog({
    title: trans.__('Stop %1?', cluster.name),
    body: trans.__(
      'Runs on it now: %1. What is computed stays in the store, and the rest can be resumed.',
      running.join(', ')
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Stop') })
    ]
  });
  return answer.button.accept;
}

export default plugin;
