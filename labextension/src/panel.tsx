import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { TranslationBundle } from '@jupyterlab/translation';
import { Message } from '@lumino/messaging';
import * as React from 'react';

import { Checkup } from './checkup';
import { Cluster, IClusterActions } from './cluster';
import { ClustersModel } from './model';
import { IDraft, NewCluster } from './newcluster';
import { IKind, IListing } from './registry';

export interface IPanelActions extends IClusterActions {
  insert(kind: IKind, draft: IDraft): void;
  remember(draft: IDraft): void;
  /** Gives the name that it was saved under; null where it was not. */
  savePreset(kind: IKind, draft: IDraft): Promise<string | null>;
  forgetPreset(name: string): void;
  prune(): void;
  check(): Promise<void>;
}

/** What a person types where the server's part is disabled. */
const ENABLE = 'jupyter server extension enable spicelab_nb.jupyter.server';

/** The sidebar: every live cluster of this user, and a form for another. */
export class ClustersPanel extends ReactWidget {
  constructor(
    private readonly _model: ClustersModel,
    private readonly _actions: IPanelActions,
    private readonly _trans: TranslationBundle,
    draft: IDraft
  ) {
    super();
    this._draft = draft;
    this.id = 'spicelab-nb-clusters';
    this.addClass('spicelab-nb-Panel');
    this.title.caption = this._trans.__('Spicelab clusters');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this._trans.__('Spicelab clusters'));
    // So that it can be given the focus, and the keyboard goes on from here.
    this.node.tabIndex = 0;
  }

  set draft(draft: IDraft) {
    this._draft = draft;
    this.update();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._model.watched = true;
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._model.watched = false;
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.focus();
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <>
            <div className="spicelab-nb-Bar">
              <h2>{this._trans.__('Clusters')}</h2>
              <button
                className="jp-mod-styled"
                onClick={() => void this._model.refresh()}
                title={this._trans.__('Look again now')}
              >
                {this._trans.__('Refresh')}
              </button>
            </div>
            <p className="spicelab-nb-Said" role="status">
              {this._model.said}
            </p>
            {this._body()}
          </>
        )}
      </UseSignal>
    );
  }

  private _body(): JSX.Element | null {
    const trans = this._trans;
    const trouble = this._model.trouble;
    if (!this._model.heard) {
      return <p className="spicelab-nb-Hint">{trans.__('Looking …')}</p>;
    }
    if (trouble.kind === 'missing') {
      return (
        <div className="spicelab-nb-Problem" role="alert">
          <p>
            {trans.__(
              'The Jupyter server does not answer for spicelab_nb. Enable it, then restart the server:'
            )}
          </p>
          <pre>{ENABLE}</pre>
          <p>
            {trans.__('Magics work without it: %spicelab_cluster shows the clusters in a cell.')}
          </p>
        </div>
      );
    }
    if (trouble.kind === 'failed') {
      return (
        <p className="spicelab-nb-Problem" role="alert">
          {trans.__('The clusters cannot be listed: %1', trouble.message)}
        </p>
      );
    }
    return (
      <>
        {this._clusters(this._model.listing)}
        <h2>{trans.__('New cluster')}</h2>
        <NewCluster
          kinds={this._model.kinds}
          presets={this._model.presets}
          draft={this._draft}
          trans={trans}
          change={draft => this._change(draft)}
          insert={(kind, draft) => this._actions.insert(kind, draft)}
          save={(kind, draft) => void this._save(kind, draft)}
          forget={preset => this._actions.forgetPreset(preset.name)}
        />
        <Checkup
          checkup={this._model.checkup}
          checking={this._model.checking}
          trans={trans}
          check={() => void this._actions.check()}
        />
      </>
    );
  }

  private _change(draft: IDraft): void {
    this._actions.remember(draft);
    this.draft = draft;
  }

  private async _save(kind: IKind, draft: IDraft): Promise<void> {
    const preset = await this._actions.savePreset(kind, draft);
    if (preset !== null) {
      this._change({ ...this._draft, preset });
    }
  }

  private _clusters(listing: IListing): JSX.Element {
    const trans = this._trans;
    return (
      <>
        {listing.clusters.length === 0 ? (
          <p className="spicelab-nb-Hint">{trans.__('No cluster is running.')}</p>
        ) : (
          <ul className="spicelab-nb-Clusters" aria-label={trans.__('Live clusters')}>
            {listing.clusters.map(cluster => (
              <Cluster key={cluster.id} cluster={cluster} actions={this._actions} trans={trans} />
            ))}
          </ul>
        )}
        {listing.orphans.length > 0 && (
          <div className="spicelab-nb-Problem">
            <p>
              {trans.__(
                'Their notebooks are gone, and they may still run and cost: %1',
                listing.orphans.map(orphan => `${orphan.name} (${orphan.kind})`).join(', ')
              )}
            </p>
            <button className="jp-mod-styled jp-mod-warn" onClick={() => this._actions.prune()}>
              {trans.__('Remove orphans')}
            </button>
          </div>
        )}
        {listing.unreadable.map(({ file, why }) => (
          <p key={file} className="spicelab-nb-Hint">
            {trans.__('%1 is no record of a cluster: %2', file, why)}
          </p>
        ))}
      </>
    );
  }

  private _draft: IDraft;
}
