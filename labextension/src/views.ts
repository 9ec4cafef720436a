import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Panel } from '@lumino/widgets';

/** Marks the outputs that are live views of ours; says nothing else. */
const VIEW = 'application/vnd.spicelab-nb.view+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';
const HTML = 'text/html';
/** Before widgets, which have -10. */
const RANK = -20;
/** What the renderer of widgets wears when it has none to show. */
const NOTHING = 'jupyter-widgets';

/**
 * A live view while its kernel has it, and what it last showed ever after.
 *
 * By itself, JupyterLab shows of a saved notebook that the widget's model is not found.
 */
class ViewRenderer extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly _rendermime: IRenderMimeRegistry) {
    super();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { model_id: id } = model.data[WIDGET] as { model_id: string };
    // An output that is brought up to date: a view that lives needs nothing.
    if (this._live !== null && this._id === id && !this._live.hasClass(NOTHING)) {
      return;
    }
    this._observer?.disconnect();
    while (this.widgets.length) {
      this.widgets[0].dispose();
    }
    const live = this._rendermime.createRenderer(WIDGET);
    this._live = live;
    this._id = id;
    this.addWidget(live);
    // It tries once more when a kernel has come up, long after this has returned.
    this._observer = new MutationObserver(() => void this._look(live, model));
    this._observer.observe(live.node, { attributes: true, attributeFilter: ['class'] });
    await live.renderModel(model);
    await this._look(live, model);
  }

  dispose(): void {
    this._observer?.disconnect();
    super.dispose();
  }

  private async _look(live: IRenderMime.IRenderer, model: IRenderMime.IMimeModel): Promise<void> {
    if (live.isDisposed || live.isHidden || !live.hasClass(NOTHING)) {
      return;
    }
    this._observer?.disconnect();
    live.hide();
    const still = this._rendermime.createRenderer(HTML);
    this.addWidget(still);
    await still.renderModel(model);
  }

  private _id = '';
  private _live: IRenderMime.IRenderer | null = null;
  private _observer: MutationObserver | null = null;
}

function install(panel: NotebookPanel): void {
  const rendermime = panel.content.rendermime;
  rendermime.addFactory(
    { safe: false, mimeTypes: [VIEW], createRenderer: () => new ViewRenderer(rendermime) },
    RANK
  );
}

export const views: JupyterFrontEndPlugin<void> = {
  id: '@spicelab/nb:views',
  description: 'Shows what live views of spicelab_nb last showed, where their kernel is gone.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker) => {
    notebooks.forEach(install);
    notebooks.widgetAdded.connect((_, panel) => install(panel));
  }
};
