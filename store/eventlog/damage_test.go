package eventlog

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// damagedLog makes a partition of three segments with five batches of two
// records each in each segment, all acknowledged, and a second partition.
func damagedLog(t *testing.T, closed bool) (*vfs.Mem, []string, map[Offset]string) {
	t.Helper()
	return logToDamage(t, closed, events)
}

func logToDamage(t *testing.T, closed bool, form func(key string, texts ...string) Events) (*vfs.Mem, []string, map[Offset]string) {
	t.Helper()
	fsys := vfs.NewMem()
	l := open(t, fsys, Options{SegmentBytes: 4096})
	topic := create(t, l, "clicks", 2)
	want := map[Offset]string{}
	for i := range 15 {
		texts := []string{fmt.Sprintf("%d %s", i, strings.Repeat("a", 300)), fmt.Sprintf("%d %s", i, strings.Repeat("b", 300))}
		a := mustAppend(t, topic, 0, form(fmt.Sprintf("key %d", i), texts...))
		want[a.First], want[a.First+1] = texts[0], texts[1]
		mustAppend(t, topic, 1, events("", "other"))
	}
	paths := segmentPaths(t, fsys, topic, 0)
	if len(paths) != 3 {
		t.Fatalf("segments %v, want 3", paths)
	}
	if closed {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fsys, paths, want
}

func reopen(t *testing.T, fsys vfs.FS) (*Log, *Topic) {
	t.Helper()
	l := open(t, fsys, Options{SegmentBytes: 4096})
	topic, err := l.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	return l, topic
}

// TestEveryFlippedBit inverts single bits all over a segment in the middle. The
// records of the batch that was hit are reported, or are as they were (in the
// field that says where the run begins); nothing else changes.
func TestEveryFlippedBit(t *testing.T) {
	t.Run("records", func(t *testing.T) { flipEveryBit(t, events) })
	t.Run("packed", func(t *testing.T) { flipEveryBit(t, packed) })
}

func flipEveryBit(t *testing.T, form func(key string, texts ...string) Events) {
	fsys, paths, want := logToDamage(t, true, form)
	info, err := fsys.Stat(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	batchBytes := info.Size / 5
	reported := 0
	for at := int64(0); at < info.Size; at++ {
		if inBatch := at % batchBytes; inBatch > 80 && inBatch%37 != 0 {
			continue // every byte of the header, some of the rest
		}
		hit := fsys.CrashClone(vfs.LoseAll)
		if err := hit.Flip(paths[1], at, 1<<(at%8)); err != nil {
			t.Fatal(err)
		}
		l, topic := reopen(t, hit)
		got, damaged := read(t, topic, 0, 0)
		first := Offset(10 + 2*(at/batchBytes))
		if len(damaged) > 0 {
			reported++
			if diff := cmp.Diff([]Range{{first, first + 2}}, damaged); diff != "" {
				t.Errorf("byte %d: reported (-want +got)\n%s", at, diff)
			}
			got[first], got[first+1] = want[first], want[first+1]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("byte %d: read (-want +got)\n%s", at, diff)
		}
		if others, damaged := read(t, topic, 1, 0); len(others) != 15 || damaged != nil {
			t.Errorf("byte %d: the other partition has %d records, damaged %v", at, len(others), damaged)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if reported < 400 {
		t.Errorf("only %d flips were reported", reported)
	}
}

// TestDamageIsNamed shows what a user reads.
func TestDamageIsNamed(t *testing.T) {
	fsys, paths, _ := damagedLog(t, true)
	if err := fsys.Flip(paths[1], 100, 1); err != nil {
		t.Fatal(err)
	}
	_, topic := reopen(t, fsys)
	r, err := topic.Reader(0, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, err := r.NextAvailable()
	if err != nil || k.First() != 8 || k.Next() != 10 {
		t.Fatalf("before the damage: %v, %v", k, err)
	}
	for range 2 { // it does not go away by asking again
		_, err = r.NextAvailable()
		if !problem.Is(err, problem.Corrupt) || !strings.Contains(err.Error(), paths[1]) || !strings.Contains(err.Error(), "event 10 of partition 0 of clicks") {
			t.Fatalf("got %v", err)
		}
	}
	if skipped, err := r.SkipCorrupt(); err != nil || skipped != (Range{10, 12}) {
		t.Fatalf("skipped %v, %v", skipped, err)
	}
	if k, err = r.NextAvailable(); err != nil || k.First() != 12 {
		t.Fatalf("behind the damage: %v, %v", k, err)
	}
	if _, err := r.SkipCorrupt(); !problem.Is(err, problem.InvalidRequest) {
		t.Errorf("skipped although nothing is damaged: %v", err)
	}
	// A reader that begins inside the damage sees it at once.
	inside, err := topic.Reader(0, 11)
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	if _, err := inside.NextAvailable(); !problem.Is(err, problem.Corrupt) {
		t.Errorf("from inside the damage: %v", err)
	}
	if skipped, err := inside.SkipCorrupt(); err != nil || skipped != (Range{11, 12}) {
		t.Errorf("skipped %v, %v", skipped, err)
	}
	if _, _, err := topic.Answer("key 5"); !problem.Is(err, problem.Corrupt) {
		t.Errorf("the answer to a key in the damage: %v", err)
	}
	if _, found, err := topic.Answer("key 6"); !found || err != nil {
		t.Errorf("the answer to a key behind the damage: %v, %v", found, err)
	}
}

// TestDamageInTheTail hits acknowledged batches of the last segment, before a
// start without and with a checkpoint that speaks for them. Only the last run
// without a checkpoint cannot be told from a torn one.
func TestDamageInTheTail(t *testing.T) {
	for _, closed := range []bool{false, true} {
		for batch := range 5 {
			for _, where := range []int64{3, 9, 14, 16, 20, 60, 400} {
				fsys, paths, want := damagedLog(t, closed)
				hit := fsys.CrashClone(vfs.LoseAll)
				content, err := vfs.ReadFile(hit, paths[2])
				if err != nil {
					t.Fatal(err)
				}
				first := Offset(20 + 2*batch)
				position := int64(0)
				for range batch {
					h, err := decodeHeader(content[position:])
					if err != nil {
						t.Fatal(err)
					}
					position += int64(h.size)
				}
				if err := hit.Flip(paths[2], position+where, 0x40); err != nil {
					t.Fatal(err)
				}
				_, topic := reopen(t, hit)
				got, damaged := read(t, topic, 0, 0)
				a := mustAppend(t, topic, 0, events("", "after"))
				name := fmt.Sprintf("closed %v, batch %d, byte %d", closed, batch, where)
				switch {
				case batch == 4 && !closed:
					delete(want, first)
					delete(want, first+1)
					if a.First != first || damaged != nil {
						t.Errorf("%s: the append went to %d, damaged %v", name, a.First, damaged)
					}
				case len(damaged) == 0 && where == 14:
					// Where a run began is nothing that a reader asks.
				default:
					if a.First != 30 || !cmp.Equal(damaged, []Range{{first, first + 2}}) {
						t.Errorf("%s: the append went to %d, damaged %v", name, a.First, damaged)
					}
					delete(want, first)
					delete(want, first+1)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", name, diff)
				}
				// Both stay as they are after the next crash.
				again, _ := read(t, topic, 0, 0)
				_, topic = reopen(t, hit.CrashClone(vfs.LoseAll))
				later, _ := read(t, topic, 0, 0)
				if diff := cmp.Diff(again, later); diff != "" {
					t.Errorf("%s: after another crash (-want +got)\n%s", name, diff)
				}
			}
		}
	}
}

// TestLostFiles takes files away that hold acknowledged records.
func TestLostFiles(t *testing.T) {
	for lost, want := range map[int]Range{0: {0, 10}, 1: {10, 20}, 2: {20, 30}} {
		fsys, paths, _ := damagedLog(t, true)
		if err := fsys.Remove(paths[lost]); err != nil {
			t.Fatal(err)
		}
		l, topic := reopen(t, fsys)
		got, damaged := read(t, topic, 0, 0)
		if len(got) != 20 || !cmp.Equal(damaged, []Range{want}) {
			t.Errorf("without segment %d: read %d records, damaged %v", lost, len(got), damaged)
		}
		if a := mustAppend(t, topic, 0, events("", "after")); a.First != 30 {
			t.Errorf("without segment %d: the next append went to %d, want 30", lost, a.First)
		}
		if got, _ := read(t, topic, 0, 30); got[30] != "after" {
			t.Errorf("without segment %d: read %v after it", lost, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShortenedFile cuts acknowledged bytes off a file that a checkpoint knows.
func TestShortenedFile(t *testing.T) {
	fsys, paths, _ := damagedLog(t, true)
	f, err := fsys.OpenReadWrite(paths[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1000); err != nil {
		t.Fatal(err)
	}
	_, topic := reopen(t, fsys)
	got, damaged := read(t, topic, 0, 0)
	if len(got) != 22 || !cmp.Equal(damaged, []Range{{22, 30}}) {
		t.Errorf("read %d records, damaged %v", len(got), damaged)
	}
	if a := mustAppend(t, topic, 0, events("", "after")); a.First != 30 {
		t.Errorf("the next append went to %d, want 30", a.First)
	}
}

// TestWithoutCheckpoint finds everything again by scanning.
func TestWithoutCheckpoint(t *testing.T) {
	for _, damage := range []bool{false, true} {
		fsys, paths, want := damagedLog(t, true)
		name := filepath.Join(filepath.Dir(paths[0]), checkpointName)
		if damage {
			if err := fsys.Flip(name, 30, 1); err != nil {
				t.Fatal(err)
			}
		} else if err := fsys.Remove(name); err != nil {
			t.Fatal(err)
		}
		_, topic := reopen(t, fsys)
		recovery, err := topic.Recovery(0)
		if err != nil || !recovery.NoCheckpoint || recovery.ScannedBytes == 0 || recovery.Damaged != nil {
			t.Errorf("recovery %+v, %v", recovery, err)
		}
		if got, damaged := read(t, topic, 0, 0); !cmp.Equal(got, want) || damaged != nil {
			t.Errorf("read %d records, damaged %v", len(got), damaged)
		}
		for i := range 15 {
			if a, found, err := topic.Answer(fmt.Sprintf("key %d", i)); !found || err != nil || a.First != Offset(2*i) {
				t.Errorf("key %d: %+v, %v, %v", i, a, found, err)
			}
		}
	}
}

// TestBrokenTopicFile keeps the topic from being used, and nothing else.
func TestBrokenTopicFile(t *testing.T) {
	fsys, paths, _ := damagedLog(t, true)
	if err := fsys.Flip(filepath.Join(filepath.Dir(filepath.Dir(paths[0])), topicName), 3, 1); err != nil {
		t.Fatal(err)
	}
	l := open(t, fsys, Options{})
	if _, err := l.Topic("clicks"); !problem.Is(err, problem.Corrupt) {
		t.Errorf("topic: %v", err)
	}
	if _, err := l.CreateTopic("clicks", 1); !problem.Is(err, problem.AlreadyExists) {
		t.Errorf("create: %v", err)
	}
	mustAppend(t, create(t, l, "views", 1), 0, events("", "x"))
}

// TestUnreadablePartition leaves the other partition working.
func TestUnreadablePartition(t *testing.T) {
	fsys, _, _ := damagedLog(t, false)
	left := fsys.CrashClone(vfs.LoseAll)
	l := open(t, vfs.NewFaulty(left, "read "+checkpointName+" #1 eio"), Options{})
	topic, err := l.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topic.Reader(0, 0); err == nil || !strings.Contains(err.Error(), "open partition 0 of clicks: read checkpoint") {
		t.Errorf("partition 0: %v", err)
	}
	if got, _ := read(t, topic, 1, 0); len(got) != 15 {
		t.Errorf("partition 1 has %d records, want 15", len(got))
	}
	if removed, err := topic.Trim(Retention{Bytes: 1}); removed != 0 || err != nil {
		t.Errorf("trim: %d, %v", removed, err)
	}
}
