package sites

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/connect"
)

// TestChoose runs testdata/choose: what is seen of both sites, seconds ago, and
// what is decided. The limits are 5 s for unreachable and 30 s for behind.
func TestChoose(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	set := settings{unreachable: 5 * time.Second, behind: 30 * time.Second}
	datadriven.RunTest(t, "testdata/choose", func(t *testing.T, d *datadriven.TestData) string {
		var sights [2]sighting
		active, row := primary, 0
		for _, line := range strings.Split(d.Input, "\n") {
			words := strings.Fields(line)
			switch words[0] {
			case "active":
				active = map[string]int{"primary": primary, "standby": standby}[words[1]]
			case "row":
				fmt.Sscan(words[1], &row)
			default:
				v := &sights[map[string]int{"primary": primary, "standby": standby}[words[0]]]
				v.known = true
				var since, moved int
				if words[1] == "down" {
					v.failure = "nobody answers"
					fmt.Sscan(words[2], &since)
				} else {
					v.reachable = true
					fmt.Sscan(words[2], &since)
					fmt.Sscan(words[4], &moved)
					v.moved = ago(moved)
				}
				v.since = ago(since)
			}
		}
		other, why := choose(now, active, ago(row), sights, set)
		if !other {
			return "stay\n"
		}
		return "go: " + why + "\n"
	})
}

func TestSee(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var v sighting
	v = v.see([]byte("a"), nil, at(1))
	v = v.see([]byte("a"), nil, at(2))
	want := sighting{known: true, reachable: true, since: at(1), ends: []byte("a")}
	compare := func() {
		t.Helper()
		if diff := cmp.Diff(want, v, cmp.AllowUnexported(sighting{})); diff != "" {
			t.Error(diff)
		}
	}
	compare()
	v = v.see([]byte("b"), nil, at(3))
	want.moved, want.ends = at(3), []byte("b")
	compare()
	v = v.see(nil, errors.New("gone"), at(4))
	v = v.see(nil, errors.New("far away"), at(5))
	want.reachable, want.since, want.failure = false, at(4), "far away"
	compare()
}

func TestJudge(t *testing.T) {
	digest := func(ids ...uint64) (d connect.Digest) {
		for _, id := range ids {
			d.Add(id)
		}
		return d
	}
	same := verdict{sites: [2]connect.Digest{digest(1, 2), digest(2, 1)}, union: digest(1, 2), shared: 2}
	differing := verdict{sites: [2]connect.Digest{digest(1, 2), digest(2)}, union: digest(1, 2), shared: 1}
	missing := same
	missing.missing = 1
	for _, test := range []struct {
		v       verdict
		read    connect.Digest
		may     bool
		state   connect.GapState
		differs string
	}{
		{same, digest(2, 1), true, connect.GapClosed, ""},
		{same, digest(2), true, connect.GapDiffering, "the sites have 2 events, and 1 became rows"},
		{same, digest(2, 3), true, connect.GapDiffering, "the sites have 2 events, and 2 became rows"},
		{differing, digest(1, 2), true, connect.GapDiffering, "1 events are only at the primary site, 0 only at the standby"},
		{missing, digest(2), true, connect.GapReplaying, "1 events have still to become rows"},
		{missing, digest(2), false, connect.GapProposed, "1 events never became rows"},
	} {
		if state, differs := judge(test.v, test.read, test.may); state != test.state || differs != test.differs {
			t.Errorf("%+v with %+v is %s: %s", test.v, test.read, state, differs)
		}
	}
}

// FuzzOffset reads anything as an offset; what can be read is written and read
// alike.
func FuzzOffset(f *testing.F) {
	ids := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 7), 8)
	f.Add([]byte(place{slots: map[int64][]byte{-3: ids, 5: ids[:8]}, head: head{
		Common: common{Version: 3, Switches: 1, Active: standby, Gap: &connect.Gap{ID: "g", State: connect.GapOpen}},
		Own:    own{Switches: 1, Offsets: [2]connect.Offset{{1}, nil}, Newest: noTime, Turns: []turn{{From: 1, Sure: 2, Taken: 1, Lost: "offset 1"}}, Added: []uint64{1 << 63}},
	}}.offset()))
	f.Add([]byte{})
	f.Add([]byte{offsetVersion, 2, '{', '}', 0, 1})
	f.Fuzz(func(t *testing.T, stored []byte) {
		p, err := parsePlace(stored)
		if err != nil {
			return
		}
		again, err := parsePlace(p.offset())
		if err != nil {
			t.Fatalf("%q is written as what cannot be read: %v", stored, err)
		}
		if diff := cmp.Diff(p, again, cmp.AllowUnexported(place{}), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestOffsetBytes holds the form of stored offsets: those of version 1 are read for
// ever.
func TestOffsetBytes(t *testing.T) {
	ids := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 7), 1<<63)
	p := place{slots: map[int64][]byte{5: ids[:8], -3: ids}, head: head{
		Common: common{Version: 3, Switches: 1, Active: standby, Closed: []connect.Gap{{ID: "a", State: connect.GapClosed}}},
		Own:    own{Switches: 1, Offsets: [2]connect.Offset{{1}, {2}}, Newest: 9, Least: 4, Joining: true, Turn: turn{From: 1, Sure: 2, Taken: 1, Lost: "offset 1", At: "offset 2"}},
	}}
	text, rest, found := bytes.Cut(p.offset(), []byte(`{"Common"`))
	if !found || len(text) != 3 || text[0] != offsetVersion {
		t.Fatalf("the offset begins with %x", text)
	}
	const ending = "\x05\x02\x00\x00\x00\x00\x00\x00\x00\x07\x80\x00\x00\x00\x00\x00\x00\x00" + "\x0a\x01\x00\x00\x00\x00\x00\x00\x00\x07"
	if !bytes.HasSuffix(rest, []byte("}"+ending)) {
		t.Errorf("the ids are written as %x", rest[bytes.LastIndexByte(rest, '}')+1:])
	}
	golden := `{"Version":3,"Switches":1,"Active":1,"Closed":[`
	if !bytes.HasPrefix(rest, []byte(":"+golden)) {
		t.Errorf("the head begins with %s", rest[:len(golden)+1])
	}
}
