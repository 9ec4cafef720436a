"""The list of prices: dated, checked row by row, searched by name."""

import datetime
import subprocess
import sys

import pytest

from spicelab_nb.cost import Catalogue
from spicelab_nb.cost.catalogue import COLUMNS, read_prices
from spicelab_nb.errors import PriceError, UnknownMachineError

HEADER = ",".join(COLUMNS)
GOOD = "aws,c9.large,here,2,4,x86_64,0,,0.1,0.04,a page,2026-11-01,"


@pytest.fixture
def packaged(tmp_path):
    return Catalogue.load(cache=tmp_path / "none")


def write(folder, *rows, header=HEADER):
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_every_packaged_row_has_a_source(packaged):
    assert len(packaged) == 183
    assert {row.provider for row in packaged} == {"aws", "gcp", "azure"}
    assert {row.architecture for row in packaged} == {"x86_64", "arm64"}
    assert all(row.source for row in packaged)
    assert all(row.dated or "commit" in row.source for row in packaged)
    for row in packaged:
        # interruptible is never dearer
        assert row.spot_usd_h is None or 0 < row.spot_usd_h < row.on_demand_usd_h


def test_graphics_processors_are_packaged(packaged):
    found = packaged.filter(gpu=True)
    assert {row.gpu for row in found} == {"NVIDIA T4", "NVIDIA A10G", "NVIDIA L4"}
    assert len(found) + len(packaged.filter(gpu=False)) == len(packaged)


def test_the_packaged_file_holds_what_was_read(packaged):
    found = packaged.find("c6i.2xlarge", region="us-east-1")
    assert (found.vcpu, found.memory_gib, found.on_demand_usd_h) == (8, 16.0, 0.34)
    assert found.dated == datetime.date(2025, 3, 2)
    spot = packaged.find("n2-standard-8", region="us-central1")
    assert spot.usd_per_hour(spot=True) < spot.usd_per_hour()


def test_age_and_warning(packaged, tmp_path):
    today = datetime.date(2026, 11, 20)
    assert packaged.age(today) == (today - datetime.date(2025, 3, 2)).days
    says = packaged.warning(today)
    assert "prices are older than 30 days, the oldest from 2025-03-02" in says
    assert "17 have no date" in says
    fresh = Catalogue.load(write(tmp_path, GOOD))
    assert fresh.age(datetime.date(2026, 12, 1)) == 30
    assert fresh.warning(datetime.date(2026, 12, 1)) is None
    assert "1 of 1 prices are older" in fresh.warning(datetime.date(2026, 12, 2))


def test_a_clock_that_went_back_gives_no_negative_age(tmp_path):
    fresh = Catalogue.load(write(tmp_path, GOOD))
    today = datetime.date(2020, 1, 1)
    assert fresh.age(today) == 0
    assert "dated after today (2020-01-01): is the clock right?" in fresh.warning(today)


def test_prices_without_a_date_are_warned_of(tmp_path):
    found = Catalogue.load(write(tmp_path, GOOD.replace("2026-11-01", "undated")))
    assert found.age(datetime.date(2026, 11, 20)) is None
    assert found.warning(datetime.date(2026, 11, 20)).startswith("1 have no date")


def test_a_year_alone_counts_from_its_first_day(tmp_path):
    found = Catalogue.load(write(tmp_path, GOOD.replace("2026-11-01", "2026")))
    assert found.age(datetime.date(2026, 1, 11)) == 10


def test_filter(packaged):
    arm = packaged.filter(provider="aws", region="us-west-2", architecture="arm64", spot=True)
    assert len(arm) > 0
    assert all(
        (row.provider, row.region, row.architecture) == ("aws", "us-west-2", "arm64")
        and row.sells_spot()
        for row in arm
    )
    assert len(packaged.filter(spot=False)) + len(packaged.filter(spot=True)) == len(packaged)
    assert all(row.vcpu >= 32 for row in packaged.filter(vcpu=32))
    with pytest.raises(UnknownMachineError, match=r"no region 'us-east-2'.*us-east-1"):
        packaged.filter(region="us-east-2")


def test_graphics_processors(tmp_path):
    path = write(tmp_path, GOOD, "aws,g9.xlarge,here,4,16,x86_64,1,L9,0.5,,a page,2026-11-01,")
    found = Catalogue.load(path)
    assert [row.name for row in found.filter(gpu=True)] == ["g9.xlarge"]
    assert found.find("g9.xlarge").gpu == "L9"
    assert [row.name for row in found.filter(gpu=False)] == ["c9.large"]


def test_an_unknown_machine_type_names_the_nearest(packaged):
    with pytest.raises(UnknownMachineError, match=r"'c6i.2xlrge' is known.*c6i\.2xlarge"):
        packaged.find("c6i.2xlrge")
    with pytest.raises(UnknownMachineError, match=r"c6i\.2xlarge in nowhere is known; there"):
        packaged.find("c6i.2xlarge", region="nowhere")
    assert packaged.find("  C6I.2xlarge ").name == "c6i.2xlarge"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (GOOD.replace("0.1,", "cheap,"), "line 3, on_demand_usd_h: 'cheap' is no number"),
        (GOOD.replace("0.1,", "-0.1,"), "line 3, on_demand_usd_h: must be more than 0"),
        (GOOD.replace("0.1,", "nan,"), "line 3, on_demand_usd_h: must be more than 0"),
        (GOOD.replace("0.04", "0"), "line 3, spot_usd_h: must be more than 0"),
        (GOOD.replace(",2,4,", ",2.5,4,"), "line 3, vcpu: must be a whole number, not '2.5'"),
        (GOOD.replace(",2,4,", ",2,inf,"), "line 3, mem_gib: must be more than 0"),
        (GOOD.replace(",0,,", ",-1,,"), "line 3, gpus: must be 0 or more"),
        (GOOD.replace("aws", "awz"), "line 3, provider: 'awz' is none of aws, gcp, azure"),
        (GOOD.replace("x86_64", "mips"), "line 3, arch: 'mips' is none of"),
        (GOOD.replace("a page", ""), "line 3, source: is empty"),
        (GOOD.replace("c9.large", " "), "line 3, instance_type: is empty"),
        (GOOD.replace("2026-11-01", "yesterday"), "line 3, source_date: 'yesterday' is neither"),
        (GOOD.replace("2026-11-01", "2026-13-01"), "line 3, source_date: '2026-13-01'"),
        (GOOD.removesuffix(","), "line 3, note: is missing; a row has 13 fields"),
        (GOOD + ",more", "line 3, surplus fields"),
        (GOOD.replace("c9", "c8"), "line 3, instance_type: c8.large in here stands in line 2"),
        (GOOD.replace("a page", '"a page'), "line 3"),
    ],
)
def test_a_broken_row_says_which(tmp_path, row, says):
    path = write(tmp_path, GOOD.replace("c9", "c8"), row)
    with pytest.raises(PriceError, match=says) as caught:
        read_prices(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(PriceError, match=r"line 1: the column 'spot_usd_h' is missing"):
        read_prices(write(tmp_path, header=HEADER.replace(",spot_usd_h", "")))
    with pytest.raises(PriceError, match="cannot be read"):
        read_prices(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PriceError, match="cannot be read"):
        read_prices(tmp_path / "binary.csv")


def test_fetched_prices_take_the_place_of_the_packaged_ones(tmp_path):
    row = "aws,c6i.2xlarge,us-east-1,8,16,x86_64,0,,0.5,0.2,fetched,2026-11-19,"
    write(tmp_path, row, GOOD)
    found = Catalogue.load(cache=tmp_path)
    assert len(found) == 184
    assert found.find("c6i.2xlarge", region="us-east-1").on_demand_usd_h == 0.5
    assert found.find("c6i.2xlarge", region="eu-west-1").source != "fetched"
    assert found.find("c9.large").region == "here"


def test_prices_are_read_only_when_asked_for():
    code = (
        "import sys, spicelab_nb.cost as cost\n"
        "assert 'spicelab_nb.cost.catalogue' not in sys.modules\n"
        "assert not {'scipy.stats', 'dask', 'xarray', 'pandas', 'ray'} & set(sys.modules)\n"
        "cost.Catalogue.load().find('c6i.2xlarge'); cost.candidates; cost.estimate\n"
        "assert not {'scipy.stats', 'dask', 'xarray', 'pandas', 'ray'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
