"""A store that several threads list at once."""

from spicelab_nb.results.store import Store
from spicelab_nb.testing.stores import FixedDesign, example_plan, publish_range


def test_an_older_listing_takes_nothing_from_a_newer_one(tmp_path, monkeypatch):
    """The driver then saw gaps that were none, or stumbled over what both had forgotten."""
    design = FixedDesign(samples=40)
    store = Store.open(tmp_path / "s", create=True)
    store.create(example_plan(), design.size)
    publish_range(store, design, 0, 20)
    older = store.objects.list("chunks")
    publish_range(store, design, 20, 40)
    listing, real = store.objects.list, store.chunks

    def overtaken(folder):
        monkeypatch.setattr(store.objects, "list", listing)
        assert len(real()) == 2  # another thread lists meanwhile
        return older

    monkeypatch.setattr(store.objects, "list", overtaken)
    assert [(r.start, r.stop) for r in store.chunks()] == [(0, 20)]

    tails = store.objects.tails

    def interrupted(names, length):
        found = tails(names, length)
        monkeypatch.setattr(store.objects, "tails", tails)
        monkeypatch.setattr(store.objects, "list", lambda folder: older)
        real()  # another thread, with an older listing, forgets what this one has just seen
        monkeypatch.setattr(store.objects, "list", listing)
        return found

    monkeypatch.setattr(store.objects, "tails", interrupted)
    assert len(store.chunks()) == 2
