import { TranslationBundle } from '@jupyterlab/translation';

/** Bytes as people say them; 0 is no limit. */
export function memory(bytes: number, trans: TranslationBundle): string {
  return bytes > 0 ? `${(bytes / 1e9).toFixed(1)} GB` : trans.__('no limit');
}

/** USD with the digits that matter: cents, and below a dollar two that are not 0. */
export function money(usd: number): string {
  const small = usd !== 0 && Math.abs(usd) < 1;
  const digits = small ? Math.max(2, 1 - Math.floor(Math.log10(Math.abs(usd)))) : 2;
  return `${usd.toFixed(Math.min(digits, 20))} USD`;
}

/** A price an hour, or that it costs nothing, or that nobody said. */
export function price(usdPerHour: number | null, trans: TranslationBundle): string {
  if (usdPerHour === null) {
    return trans.__('price not known');
  }
  return usdPerHour === 0 ? trans.__('no cost') : trans.__('%1 an hour', money(usdPerHour));
}

/** A name as the first word of a line. */
export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** A word of a magic's line, quoted where it needs to be. */
export function word(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : `"${value.replace(/"/g, '')}"`;
}

/** A state of a cluster or a campaign, in the person's language; others as they come. */
export function state(name: string, trans: TranslationBundle): string {
  switch (name) {
    case 'starting':
      return trans.__('starting');
    case 'running':
      return trans.__('running');
    case 'scaling':
      return trans.__('scaling');
    case 'closing':
      return trans.__('closing');
    case 'waiting':
      return trans.__('waiting');
    case 'done':
      return trans.__('done');
    case 'partial':
      return trans.__('partly done');
    case 'cancelled':
      return trans.__('cancelled');
    case 'failed':
      return trans.__('failed');
    case 'stopped: budget':
      return trans.__('stopped: the budget is used up');
    default:
      return name;
  }
}
