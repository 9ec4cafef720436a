import { ServerConnection } from '@jupyterlab/services';

import { request } from './request';

/** How far a campaign has got on a cluster. */
export interface ICampaign {
  readonly done: number;
  readonly total: number;
  readonly state: string;
}

/** A live cluster of this user, as its owner last described it. */
export interface ICluster {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** `starting`, `running`, `scaling`, `failed` or `closing`. */
  readonly state: string;
  readonly owner: number;
  readonly host: string;
  /** Seconds since 1970. */
  readonly started: number;
  readonly workers: number;
  readonly cores: number;
  /** Of all workers, bytes; 0 where there is no limit. */
  readonly memory: number;
  /** USD; null where it is not known. */
  readonly price_per_hour: number | null;
  /** USD since it was started; null where it is not known. */
  readonly spent: number | null;
  /** Web address of Dask's dashboard, or an empty string. */
  readonly dashboard: string;
  /** What is wrong, as a sentence, or an empty string. */
  readonly problem: string;
  readonly scalable: boolean;
  readonly campaigns: { readonly [name: string]: ICampaign };
}

/** What the registry holds at one moment. */
export interface IListing {
  readonly clusters: readonly ICluster[];
  /** Clusters whose owner is gone, and which may still run and cost. */
  readonly orphans: readonly ICluster[];
  /** Files that are no records, and why. */
  readonly unreadable: readonly { readonly file: string; readonly why: string }[];
}

/** One option of a kind of cluster. */
export interface IOption {
  readonly name: string;
  readonly type: 'int' | 'float' | 'str' | 'bool';
  readonly default: string | number | boolean | null;
  readonly required: boolean;
  /** Of a number: `s`, or an empty string. */
  readonly unit: string;
  readonly help: string;
}

/** A kind of cluster that can be started from a notebook. */
export interface IKind {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly IOption[];
  /** Why it cannot be used here, with what to do; empty where it can. */
  readonly problem: string;
}

/** Options for a new cluster that the person has saved: texts as typed. */
export interface IPreset {
  readonly name: string;
  readonly kind: string;
  readonly options: { readonly [option: string]: string };
}

export interface IPresets {
  readonly presets: readonly IPreset[];
  /** Why they cannot be read, or an empty string. */
  readonly problem: string;
}

/** One thing that was looked at, of what campaigns need. */
export interface IFinding {
  readonly what: string;
  readonly grade: 'good' | 'missing' | 'bad';
  readonly text: string;
  /** The command that mends it, or an empty string. */
  readonly install: string;
}

export interface ICheckup {
  readonly healthy: boolean;
  readonly findings: readonly IFinding[];
}

/** The registry of clusters, and what a new one can be, through the server extension. */
export class Registry {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  list(): Promise<IListing> {
    return request('clusters', this._settings);
  }

  async kinds(): Promise<readonly IKind[]> {
    const found = await request<{ kinds: IKind[] }>('kinds', this._settings);
    return found.kinds;
  }

  /** Ask the owner to end it. */
  async stop(id: string): Promise<void> {
    await request(`clusters/${encodeURIComponent(id)}/stop`, this._settings, {});
  }

  /** Ask the owner for another number of workers. */
  async scale(id: string, workers: number): Promise<void> {
    await request(`clusters/${encodeURIComponent(id)}/scale`, this._settings, { workers });
  }

  /** Remove what clusters left behind whose owner is gone; gives their names. */
  async prune(): Promise<readonly string[]> {
    const done = await request<{ removed: string[] }>('prune', this._settings, {});
    return done.removed;
  }

  presets(): Promise<IPresets> {
    return request('presets', this._settings);
  }

  async savePreset({ name, kind, options }: IPreset): Promise<void> {
    const path = `presets/${encodeURIComponent(name)}`;
    await request(path, this._settings, { kind, options }, 'PUT');
  }

  async forgetPreset(name: string): Promise<void> {
    const path = `presets/${encodeURIComponent(name)}`;
    await request(path, this._settings, undefined, 'DELETE');
  }

  /** What is installed on the server, and what is missing; takes seconds. */
  checkUp(): Promise<ICheckup> {
    return request('doctor', this._settings);
  }
}
