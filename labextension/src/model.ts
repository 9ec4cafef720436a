import { IDisposable } from '@lumino/disposable';
import { IPoll, Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { ICheckup, IKind, IListing, IPresets, Registry } from './registry';
import { ExtensionMissingError } from './request';

/** What the panel shows besides the clusters. */
export type Trouble =
  | { readonly kind: 'none' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string };

const NOTHING: IListing = { clusters: [], orphans: [], unreadable: [] };
const NO_PRESETS: IPresets = { presets: [], problem: '' };

/** After failures the pauses grow; a poll refuses an interval above its longest pause. */
function frequencyOf(seconds: number): IPoll.Frequency {
  const interval = seconds * 1000;
  return { interval, backoff: true, max: Math.max(60_000, interval) };
}

/**
 * The clusters as last heard of, asked for again and again while somebody looks.
 *
 * Nothing is requested while `watched` is false.
 */
export class ClustersModel implements IDisposable {
  constructor(
    readonly registry: Registry,
    options: { readonly seconds: number }
  ) {
    this._poll = new Poll({
      auto: false,
      name: '@spicelab/nb:clusters',
      factory: () => this._ask(),
      frequency: frequencyOf(options.seconds),
      standby: () => (this._watched ? 'when-hidden' : true)
    });
  }

  /** Emitted whenever something that is shown may have changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get listing(): IListing {
    return this._listing;
  }

  get kinds(): readonly IKind[] {
    return this._kinds;
  }

  /** What the person has saved; asked for anew whenever somebody begins to look. */
  get presets(): IPresets {
    return this._presets;
  }

  /** What the last look at the installation found; null before the first. */
  get checkup(): ICheckup | null {
    return this._checkup;
  }

  /** Whether the installation is being looked at. */
  get checking(): boolean {
    return this._checking;
  }

  get trouble(): Trouble {
    return this._trouble;
  }

  /** Whether the first answer has come. */
  get heard(): boolean {
    return this._heard;
  }

  /** What was last done, for the status line. */
  get said(): string {
    return this._said;
  }

  get watched(): boolean {
    return this._watched;
  }

  set watched(watched: boolean) {
    if (watched === this._watched || this.isDisposed) {
      return;
    }
    this._watched = watched;
    if (watched) {
      this._presetsKnown = false;
      void this._poll.start();
      void this._poll.refresh();
    } else {
      void this._poll.stop();
    }
  }

  set seconds(seconds: number) {
    const frequency = frequencyOf(seconds);
    if (frequency.interval === this._poll.frequency.interval) {
      return;
    }
    this._poll.frequency = frequency;
    if (this._watched) {
      // The wait that is under way has the old length.
      void this._poll.refresh();
    }
  }

  /** Ask now. */
  async refresh(): Promise<void> {
    await this._poll.refresh();
    await this._poll.tick;
  }

  /** Do something with the registry, say what came of it, and look again. */
  async act(action: () => Promise<string>): Promise<void> {
    try {
      this._said = await action();
    } catch (error) {
      this._said = describe(error);
    }
    this._changed.emit();
    if (this._watched) {
      await this.refresh();
    }
  }

  /** Do something that changes the presets; as {@link act}. */
  async actOnPresets(action: () => Promise<string>): Promise<void> {
    await this.act(async () => {
      this._presetsKnown = false;
      return action();
    });
  }

  /** Look at the installation; `describe` says what came of it. */
  async checkUp(describe: (found: ICheckup) => string): Promise<void> {
    if (this._checking) {
      return;
    }
    this._checking = true;
    this._changed.emit();
    await this.act(async () => {
      try {
        this._checkup = await this.registry.checkUp();
      } finally {
        this._checking = false;
      }
      return describe(this._checkup);
    });
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _ask(): Promise<void> {
    try {
      if (!this._kinds.length) {
        this._kinds = await this.registry.kinds();
      }
      if (!this._presetsKnown) {
        this._presetsKnown = true;
        this._presets = await this.registry.presets();
      }
      this._listing = await this.registry.list();
      this._trouble = { kind: 'none' };
    } catch (error) {
      this._listing = NOTHING;
      this._trouble =
        error instanceof ExtensionMissingError
          ? { kind: 'missing' }
          : { kind: 'failed', message: describe(error) };
      // The poll slows down after errors.
      throw error;
    } finally {
      this._heard = true;
      this._changed.emit();
    }
  }

  private _checkup: ICheckup | null = null;
  private _checking = false;
  private _changed = new Signal<this, void>(this);
  private _heard = false;
  private _kinds: readonly IKind[] = [];
  private _listing = NOTHING;
  private _poll: Poll;
  private _presets = NO_PRESETS;
  private _presetsKnown = false;
  private _said = '';
  private _trouble: Trouble = { kind: 'none' };
  private _watched = false;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
