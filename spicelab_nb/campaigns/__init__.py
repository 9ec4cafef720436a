"""The facade: simulator, samples, store and executor make a run."""

from spicelab_nb.campaigns.accounts import spending
from spicelab_nb.campaigns.campaign import Campaign
from spicelab_nb.campaigns.opening import open_run
from spicelab_nb.campaigns.progress import Progress
from spicelab_nb.campaigns.run import Run
from spicelab_nb.campaigns.verification import Verification

__all__ = ["Campaign", "Progress", "Run", "Verification", "open_run", "spending"]
