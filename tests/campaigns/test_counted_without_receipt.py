import spicelab_nb as sl
from spicelab_nb import clusters
from spicelab_nb.campaigns.task import ChunkTask
from spicelab_nb.executors.executor import Chunk


def double(x, seed):
    return {"y": 2 * x}


class Overtaken:
    """A cluster during whose start somebody else publishes a chunk of the same store."""

    price_per_hour = 0.0

    def __init__(self, cluster, publish):
        self.cluster, self.publish = cluster, publish

    def executor(self):
        self.publish()
        return self.cluster.executor()

    def note_campaign(self, *args, **kwargs):
        pass


def test_what_others_publish_meanwhile_is_counted(runtime_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    design = sl.MonteCarlo(30, {"x": sl.Normal(mean=1, sd=0.1)}, seed=2)
    campaign = sl.Campaign(double, design, measures=["y"], specs={"y": sl.Spec(min=1.8)})
    task = ChunkTask(
        simulator=campaign.simulator,
        design=campaign.design,
        store=campaign.store,
        plan_digest=campaign.plan.digest,
    )
    with clusters.cluster("serial") as cluster:
        run = campaign.run(Overtaken(cluster, lambda: task(Chunk(5, 17)))).wait(60)
    progress = run.progress
    assert (progress.state, progress.done) == ("done", 30)
    assert progress.running_yield.samples == 30
    assert len(run.live.measures["y"]) == 30
