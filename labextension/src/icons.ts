import { LabIcon } from '@jupyterlab/ui-components';

import svg from '../style/icons/clusters.svg';

/** A sine wave over the machines that compute it. */
export const clustersIcon = new LabIcon({ name: 'spicelab-nb:clusters', svgstr: svg });
