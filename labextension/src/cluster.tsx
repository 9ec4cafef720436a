import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { memory, money, price, state } from './format';
import { ICluster } from './registry';

/** What a person can do with a cluster. */
export interface IClusterActions {
  scale(cluster: ICluster, workers: number): void;
  stop(cluster: ICluster): void;
  openDashboard(cluster: ICluster): void;
  connect(cluster: ICluster): void;
}

interface IProps {
  readonly cluster: ICluster;
  readonly actions: IClusterActions;
  readonly trans: TranslationBundle;
}

/** One live cluster: what it is, what runs on it, and what can be done with it. */
export function Cluster({ cluster, actions, trans }: IProps): JSX.Element {
  const heading = `spicelab-nb-cluster-${cluster.id}`;
  return (
    <li className="spicelab-nb-Cluster" aria-labelledby={heading} data-cluster={cluster.id}>
      <h3 id={heading} className="spicelab-nb-Cluster-name">
        {cluster.name}
        <span className="spicelab-nb-Cluster-kind">{cluster.kind}</span>
        <span className="spicelab-nb-State" data-state={cluster.state}>
          {state(cluster.state, trans)}
        </span>
      </h3>
      <Facts cluster={cluster} trans={trans} />
      {cluster.problem !== '' && <p className="spicelab-nb-Problem">{cluster.problem}</p>}
      <Campaigns cluster={cluster} trans={trans} />
      {cluster.scalable && <Scale cluster={cluster} actions={actions} trans={trans} />}
      <div className="spicelab-nb-Actions">
        <button
          className="jp-mod-styled"
          onClick={() => actions.connect(cluster)}
          title={trans.__('Insert a cell that makes this cluster the current one')}
          aria-label={trans.__('Connect: insert a cell that uses %1', cluster.name)}
        >
          {trans.__('Connect')}
        </button>
        {cluster.dashboard !== '' && (
          <button
            className="jp-mod-styled"
            onClick={() => actions.openDashboard(cluster)}
            title={trans.__('Open the dashboard of its scheduler')}
            aria-label={trans.__('Open the dashboard of %1', cluster.name)}
          >
            {trans.__('Dashboard')}
          </button>
        )}
        <button
          className="jp-mod-styled jp-mod-warn"
          onClick={() => actions.stop(cluster)}
          disabled={cluster.state === 'closing'}
          title={trans.__('End its workers; what is computed stays in the store')}
          aria-label={trans.__('Stop %1', cluster.name)}
        >
          {trans.__('Stop')}
        </button>
      </div>
    </li>
  );
}

function Facts({ cluster, trans }: Omit<IProps, 'actions'>): JSX.Element {
  const spent =
    cluster.spent !== null && (cluster.spent > 0 || cluster.price_per_hour)
      ? trans.__('%1 so far', money(cluster.spent))
      : '';
  const facts: [string, string][] = [
    [trans.__('Workers'), String(cluster.workers)],
    [trans.__('Cores'), String(cluster.cores)],
    [trans.__('Memory'), memory(cluster.memory, trans)],
    [
      trans.__('Price'),
      [price(cluster.price_per_hour, trans), spent].filter(text => text !== '').join(', ')
    ],
    [trans.__('Owner'), trans.__('process %1 on %2', cluster.owner, cluster.host)]
  ];
  return (
    <dl className="spicelab-nb-Facts">
      {facts.map(([what, value]) => (
        <React.Fragment key={what}>
          <dt>{what}</dt>
          <dd>{value}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

function Campaigns({ cluster, trans }: Omit<IProps, 'actions'>): JSX.Element | null {
  const names = Object.keys(cluster.campaigns);
  if (!names.length) {
    return null;
  }
  return (
    <ul className="spicelab-nb-Campaigns" aria-label={trans.__('Campaigns')}>
      {names.map(name => {
        const { done, total, ...campaign } = cluster.campaigns[name];
        return (
          <li key={name}>
            <span>
              {trans.__(
                '%1: %2 of %3, %4',
                name,
                done.toLocaleString(),
                total.toLocaleString(),
                state(campaign.state, trans)
              )}
            </span>
            <progress
              value={done}
              max={Math.max(total, 1)}
              aria-label={trans.__('Progress of %1', name)}
            />
          </li>
        );
      })}
    </ul>
  );
}

function Scale({ cluster, actions, trans }: IProps): JSX.Element {
  const [typed, setTyped] = React.useState<string | null>(null);
  const workers = typed ?? String(cluster.workers);
  const wanted = Number(workers);
  const sound = /^\d+$/.test(workers.trim());
  return (
    <form
      className="spicelab-nb-Scale"
      onSubmit={event => {
        event.preventDefault();
        if (sound) {
          actions.scale(cluster, wanted);
          setTyped(null);
        }
      }}
    >
      <label>
        <span aria-hidden="true">{trans.__('Workers')}</span>
        <input
          className="jp-mod-styled"
          type="number"
          min={0}
          step={1}
          value={workers}
          onChange={event => setTyped(event.target.value)}
          aria-label={trans.__('Workers of %1', cluster.name)}
        />
      </label>
      <button
        className="jp-mod-styled"
        type="submit"
        disabled={!sound}
        title={trans.__('Have so many workers')}
        aria-label={trans.__('Scale %1', cluster.name)}
      >
        {trans.__('Scale')}
      </button>
    </form>
  );
}
