package eventlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// fiveSegments has a record every hour, ten in each of five segments.
func fiveSegments(t *testing.T, fsys vfs.FS, c *clock) (*Log, *Topic) {
	t.Helper()
	l := open(t, fsys, Options{SegmentBytes: 4096, Now: c.Now})
	topic := create(t, l, "clicks", 1)
	for i := range 50 {
		c.now = c.now.Add(time.Hour)
		mustAppend(t, topic, 0, events(fmt.Sprint(i), strings.Repeat("r", 250)))
	}
	if paths := segmentPaths(t, fsys, topic, 0); len(paths) != 5 {
		t.Fatalf("segments %v, want 5", paths)
	}
	return l, topic
}

func starts(t *testing.T, topic *Topic, want Offset) {
	t.Helper()
	if got, err := topic.StartOffset(0); err != nil || got != want {
		t.Errorf("the log starts at %d, %v; want %d", got, err, want)
	}
	got, damaged := read(t, topic, 0, want)
	if next, _ := topic.HighWater(0); len(got) != int(next-want) || damaged != nil {
		t.Errorf("read %d records, damaged %v", len(got), damaged)
	}
}

func trim(t *testing.T, topic *Topic, r Retention) {
	t.Helper()
	if _, err := topic.Trim(r); err != nil {
		t.Error(err)
	}
}

func TestRetention(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	_, topic := fiveSegments(t, fsys, c)
	segmentOf := segmentPaths(t, fsys, topic, 0)
	second, _ := parseSegmentName(segmentOf[1][strings.LastIndex(segmentOf[1], "/")+1:])
	per := second.base

	trim(t, topic, Retention{})
	trim(t, topic, Retention{Age: 50 * time.Hour, Bytes: 1 << 30})
	starts(t, topic, 0)

	// By age: only segments whose newest record is too old.
	trim(t, topic, Retention{Age: time.Duration(50-2*per)*time.Hour - time.Minute})
	starts(t, topic, 2*per)
	if _, err := topic.Reader(0, 2*per-1); !problem.Is(err, problem.NotFound) {
		t.Errorf("reading what is gone: %v", err)
	}
	if _, found, err := topic.Answer("0"); found || err != nil {
		t.Errorf("the key of what is gone: %v, %v", found, err)
	}
	if a := mustAppend(t, topic, 0, events("0", "again")); a.Duplicate {
		t.Error("the key of what is gone was taken for a repetition")
	}

	// A hold keeps the segment it points into and all behind.
	if err := topic.Hold(0, "job", 3*per+1); err != nil {
		t.Fatal(err)
	}
	if err := topic.Hold(0, "late job", 2*per-1); !problem.Is(err, problem.NotFound) {
		t.Errorf("a hold on what is gone: %v", err)
	}
	trim(t, topic, Retention{Bytes: 1})
	starts(t, topic, 3*per)

	// It is there after a crash, until it is released.
	left := fsys.CrashClone(vfs.LoseAll)
	_, recovered := reopen(t, left)
	trim(t, recovered, Retention{Bytes: 1})
	starts(t, recovered, 3*per)
	if err := recovered.ReleaseHold(0, "job"); err != nil {
		t.Fatal(err)
	}
	_, recovered = reopen(t, left.CrashClone(vfs.LoseAll))
	removed, err := recovered.Trim(Retention{Bytes: 1})
	if err != nil || removed == 0 {
		t.Errorf("removed %d bytes, %v", removed, err)
	}
	starts(t, recovered, 4*per)
	trim(t, recovered, Retention{Bytes: 1})
	starts(t, recovered, 4*per)

	// Age reaches the segment that is written to.
	trim(t, recovered, Retention{Age: time.Hour})
	starts(t, recovered, 51)
	if a := mustAppend(t, recovered, 0, events("", "after all was removed")); a.First != 51 {
		t.Errorf("appended at %d", a.First)
	}
}

// TestRetentionOfATrickle: a segment that never gets full is ended in time, so that
// a record is gone when it is a quarter older than the age at the latest.
func TestRetentionOfATrickle(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	topic := create(t, open(t, fsys, Options{Now: c.Now}), "clicks", 1)
	const age = 8 * time.Hour
	for i := range 100 {
		c.now = c.now.Add(10 * time.Minute)
		mustAppend(t, topic, 0, events("", "now and then"))
		trim(t, topic, Retention{Age: age})
		start, err := topic.StartOffset(0)
		if err != nil {
			t.Fatal(err)
		}
		kept := time.Duration(i-int(start)) * 10 * time.Minute
		if kept > age+age/retentionParts+20*time.Minute || start > 0 && kept < age-10*time.Minute {
			t.Fatalf("after %d records the oldest is %v old", i+1, kept)
		}
	}
	if paths := segmentPaths(t, fsys, topic, 0); len(paths) > 2*retentionParts {
		t.Errorf("%d segments", len(paths))
	}
}

// TestReaderBehindRetention keeps reading the file it has open, then learns
// that it is too late.
func TestReaderBehindRetention(t *testing.T) {
	fsys := vfs.NewMem()
	_, topic := fiveSegments(t, fsys, newClock())
	r, err := topic.Reader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.NextAvailable(); err != nil {
		t.Fatal(err)
	}
	trim(t, topic, Retention{Bytes: 1})
	if _, err := r.NextAvailable(); !problem.Is(err, problem.NotFound) {
		t.Errorf("got %v, want not_found", err)
	}
}

// TestTrimOnFullDisk removes nothing that the checkpoint still lists.
func TestTrimOnFullDisk(t *testing.T) {
	disk := vfs.NewMem()
	faulty := vfs.NewFaulty(disk, "")
	_, topic := fiveSegments(t, faulty, newClock())
	faulty.SetScript("change checkpoint* enospc")
	if _, err := topic.Trim(Retention{Bytes: 1}); !problem.Is(err, problem.DiskFull) {
		t.Errorf("got %v, want disk_full", err)
	}
	_, recovered := reopen(t, disk.CrashClone(vfs.LoseAll))
	starts(t, recovered, 0)
}
