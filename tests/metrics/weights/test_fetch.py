"""Downloads: whole and checked, or not at all."""

from __future__ import annotations

import socket

import pytest

from privtalk.metrics import weights as store
from privtalk.metrics.weights import LicenceNotAccepted, WeightsError, WeightsMissing, download
from tests.metrics.weights.files import CONTENT


@pytest.fixture
def served(server, listed):
    """An entry whose file the server has."""
    server.files["tiny.pth"] = CONTENT
    return listed(urls=(server.url("tiny.pth"),))


def part(folder):
    return folder / "tiny.pth.part"


def test_a_whole_download_is_installed(served, weights_folder, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 5000)
    seen = []
    (found,) = store.fetch("tiny", progress=lambda done, total: seen.append((done, total)))
    assert found == store.verify("tiny")
    assert found.path.read_bytes() == CONTENT
    assert found.note.origin == served.urls[0]
    size = len(CONTENT)
    assert seen == [(5000, size), (10000, size), (15000, size), (size, size)]
    assert sorted(path.name for path in weights_folder.iterdir()) == ["tiny.pth", "tiny.pth.json"]


def test_file_addresses_work(listed, tmp_path):
    (tmp_path / "there.pth").write_bytes(CONTENT)
    listed(urls=((tmp_path / "there.pth").as_uri(),))
    store.fetch("tiny")
    assert store.find("tiny").read_bytes() == CONTENT


def test_a_cut_download_is_not_used_and_goes_on_from_there(served, server, weights_folder):
    server.cut = 6000
    with pytest.raises(
        WeightsError, match=r"^tiny: 127\.0\.0\.1 ended after 6000 of 16384 bytes; run it again"
    ):
        store.fetch("tiny")
    with pytest.raises(WeightsMissing):
        store.find("tiny")
    assert part(weights_folder).stat().st_size == 6000
    store.fetch("tiny")
    assert server.ranges == [None, "bytes=6000-"]
    assert store.verify("tiny").path.read_bytes() == CONTENT


def test_a_killed_download_goes_on_too(served, server, weights_folder, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 4096)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch("tiny", progress=interrupt)
    assert store.installed("tiny") is None
    assert part(weights_folder).stat().st_size == 4096
    store.fetch("tiny")
    assert server.ranges[1] == "bytes=4096-"
    assert store.verify("tiny")


def test_a_server_without_ranges_sends_all_again(served, server):
    server.cut, server.whole = 6000, True
    with pytest.raises(WeightsError, match="ended after"):
        store.fetch("tiny")
    store.fetch("tiny")
    assert store.verify("tiny").path.read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"of another file", b"x" * len(CONTENT), b"x" * 2 * len(CONTENT)])
def test_a_part_of_another_file_is_thrown_away(served, weights_folder, left):
    weights_folder.mkdir()
    part(weights_folder).write_bytes(left)
    store.fetch("tiny")
    assert store.verify("tiny").path.read_bytes() == CONTENT


def test_a_finished_part_is_not_fetched_again(served, server, weights_folder):
    weights_folder.mkdir()
    part(weights_folder).write_bytes(CONTENT)
    store.fetch("tiny")
    assert server.ranges == []


def test_a_part_is_not_continued_where_no_hash_can_tell(served, server, listed, weights_folder):
    listed(urls=served.urls, sha256=None)
    weights_folder.mkdir()
    part(weights_folder).write_bytes(b"of another file")
    store.fetch("tiny")
    assert server.ranges == [None]
    assert store.find("tiny").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT + b"x"])
def test_another_content_is_refused(served, server, weights_folder, content):
    server.files["tiny.pth"] = content
    with pytest.raises(WeightsError, match=r"^tiny: http://\S+ holds another file: it"):
        store.fetch("tiny")
    assert list(weights_folder.iterdir()) == []


def test_a_failed_fetch_leaves_the_installed_file(served, server):
    store.fetch("tiny")
    server.files["tiny.pth"] = b"nonsense"
    with pytest.raises(WeightsError, match="another file"):
        store.fetch("tiny")
    assert store.verify("tiny").path.read_bytes() == CONTENT


def test_a_mirror_takes_over_where_the_first_ended(served, server, listed):
    server.files["mirror"] = CONTENT
    listed(urls=(*served.urls, server.url("mirror")))
    server.cut = 6000
    (found,) = store.fetch("tiny")
    assert server.ranges == [None, "bytes=6000-"]
    assert found.note.origin == server.url("mirror")
    assert store.verify("tiny")


def test_errors_of_the_server_are_one_line(server, listed):
    listed(urls=(server.url("gone"),))
    with pytest.raises(WeightsError) as failed:
        store.fetch("tiny")
    assert str(failed.value) == (
        "tiny: 127.0.0.1 answers 404 Not Found; run it again, or: bench weights add tiny FILE"
    )


def test_no_network_is_one_line(listed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        listed(urls=(f"http://127.0.0.1:{taken.getsockname()[1]}/x", "http://name.invalid/x"))
        with pytest.raises(WeightsError) as failed:
            store.fetch("tiny")
    line = str(failed.value)
    assert line.startswith("tiny: 127.0.0.1 cannot be reached (")
    assert "name.invalid cannot be reached (" in line
    assert line.endswith("bench weights add tiny FILE")
    assert "\n" not in line


def test_a_licence_is_accepted_first(served, server, listed):
    listed(urls=served.urls, commercial=False, licence="non-commercial")
    with pytest.raises(LicenceNotAccepted, match=r"^tiny: licence non-commercial; add --accept-licence"):
        store.fetch("tiny")
    assert server.ranges == []
    assert store.fetch("tiny", accept=True)


def test_without_an_address_only_a_file_can_be_added(listed):
    listed()
    with pytest.raises(WeightsError, match="no address to fetch it from; run: bench weights add tiny FILE"):
        store.fetch("tiny")


def test_an_archive_installs_all_its_members_at_once(archived, server, weights_folder):
    archived()
    found = store.fetch("second")
    assert [one.note.name for one in found] == ["first", "second"]
    assert store.verify("first").path.read_bytes() == CONTENT
    assert store.verify("second").path.read_bytes() == b"second"
    assert found[1].note.origin == f"{server.url('pack.zip')}#second.onnx"
    assert not list(weights_folder.glob("*.part"))


def test_an_archive_of_another_content_installs_nothing(archived, weights_folder):
    archived(sha256="0" * 64)
    with pytest.raises(WeightsError, match="holds another file"):
        store.fetch("first")
    assert list(weights_folder.iterdir()) == []


def test_an_altered_member_is_refused(archived, listed, weights_folder):
    archived()
    listed("first", archive=store.weights("first").archive, sha256="0" * 64)
    with pytest.raises(WeightsError, match="not the weights first"):
        store.fetch("first")
    assert not (weights_folder / "first.pth").exists()


def test_an_answer_that_goes_on_and_on_is_left(served, server, weights_folder):
    """Longer than the file can be, it is another one; the disk is not filled with it."""
    store.fetch("tiny")
    server.files["tiny.pth"] = CONTENT + bytes(1 << 24)
    with pytest.raises(WeightsError, match="holds another file: it has more than the"):
        store.fetch("tiny")
    assert store.verify("tiny").path.read_bytes() == CONTENT
    assert not list(weights_folder.glob("*.part"))


def test_a_part_that_is_a_link_is_not_written_through(served, tmp_path, weights_folder):
    weights_folder.mkdir()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (weights_folder / "tiny.pth.part").symlink_to(victim)
    with pytest.raises(WeightsError, match=r"tiny\.pth\.part: not a file of an earlier download; remove it"):
        store.fetch("tiny")
    assert victim.read_bytes() == b"precious"
