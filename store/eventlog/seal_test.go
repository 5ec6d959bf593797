package eventlog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
)

// sealable makes a log of three segments that are worth sealing and one that is
// written to, of records one by one and of packs, and gives what is in it.
func sealable(t testing.TB, fsys vfs.FS, c *clock) (*Log, *Topic, map[Offset]string) {
	t.Helper()
	l := open(t, fsys, Options{SegmentBytes: 4 * frameBytes, Now: c.Now})
	topic := create(t, l, "clicks", 1)
	texts := map[Offset]string{}
	for i := 0; len(topic.partitions[0].mu.segments) < 4; i++ {
		c.now = c.now.Add(time.Minute)
		run := []string{fmt.Sprint(i, strings.Repeat("a", 30_000)), fmt.Sprint(i, strings.Repeat("b", 20_000))}
		a := mustAppend(t, topic, 0, either(i, fmt.Sprint("key ", i), run...))
		texts[a.First], texts[a.First+1] = run[0], run[1]
	}
	return l, topic, texts
}

func maintain(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Maintain(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// sealedPaths are the sealed files of a partition, and plain how many others.
func sealedPaths(t testing.TB, fsys vfs.FS, topic *Topic) (sealed []string, plain int) {
	t.Helper()
	for _, path := range segmentPaths(t, fsys, topic, 0) {
		if strings.HasSuffix(path, sealedSuffix) {
			sealed = append(sealed, path)
		} else {
			plain++
		}
	}
	return sealed, plain
}

// TestSealedSegmentsReadAsTheyWere: by every way into them, before and after a
// start, with and without a checkpoint.
func TestSealedSegmentsReadAsTheyWere(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l, topic, want := sealable(t, fsys, c)
	var before int64
	for _, path := range segmentPaths(t, fsys, topic, 0) {
		info, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		before += info.Size
	}
	maintain(t, l)
	sealed, plain := sealedPaths(t, fsys, topic)
	if len(sealed) != 3 || plain != 1 {
		t.Fatalf("%d sealed, %d plain segments", len(sealed), plain)
	}
	var after int64
	for _, path := range sealed {
		info, err := fsys.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		after += info.Size
	}
	if after > before/10 {
		t.Errorf("%d bytes of %d are left", after, before)
	}
	file := filepath.Join(testDir, "clicks", topicName)
	if content, err := vfs.ReadFile(fsys, file); err != nil || strings.TrimSpace(string(content)) != `{"format":4,"partitions":1}` {
		t.Errorf("the topic's file says %q, %v", content, err)
	}
	check := func(topic *Topic) {
		t.Helper()
		got, damaged := read(t, topic, 0, 0)
		if diff := cmp.Diff(want, got); diff != "" || damaged != nil {
			t.Fatalf("damaged %v, (-want +got)\n%s", damaged, diff)
		}
		for offset := Offset(0); int(offset) < len(want); offset += 7 {
			r, err := topic.Reader(0, offset)
			if err != nil {
				t.Fatal(err)
			}
			k, err := r.NextAvailable()
			if err != nil || k.First() != offset || textsOf(k)[0] != want[offset] {
				t.Fatalf("offset %d: %v", offset, err)
			}
			_ = r.Close()
			key := fmt.Sprint("key ", offset/2)
			if a, found, err := topic.Answer(key); err != nil || !found || a.First != offset/2*2 {
				t.Fatalf("%s: %+v, %v, %v", key, a, found, err)
			}
			at, err := topic.OffsetAt(0, newClock().now.Add(time.Duration(offset/2+1)*time.Minute))
			if err != nil || at != offset/2*2 {
				t.Fatalf("at the time of %d: %d, %v", offset, at, err)
			}
		}
	}
	check(topic)
	for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll} {
		left := fsys.CrashClone(survival)
		_, recovered := reopen(t, left.CrashClone(vfs.KeepAll))
		check(recovered)
		if err := left.Remove(filepath.Join(topic.partitions[0].dir, checkpointName)); err != nil {
			t.Fatal(err)
		}
		_, recovered = reopen(t, left)
		check(recovered)
	}

	// Retention counts what is on the disk, and removes sealed files.
	trim(t, topic, Retention{Bytes: 3 * 4 * frameBytes})
	starts(t, topic, 0)
	if removed, err := topic.Trim(Retention{Bytes: 1}); err != nil || removed < after*9/10 || removed > after {
		t.Errorf("removed %d of %d bytes, %v", removed, after, err)
	}
	if sealed, _ := sealedPaths(t, fsys, topic); len(sealed) > 0 {
		t.Errorf("%v are left", sealed)
	}
}

// TestReadersGoOnWhileSegmentsAreSealed: one that has the plain file open, others
// that come, and appends.
func TestReadersGoOnWhileSegmentsAreSealed(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l, topic, want := sealable(t, fsys, c)
	r, err := topic.Reader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first, err := r.NextAvailable()
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for range 4 {
				if got, damaged := read(t, topic, 0, 0); damaged != nil || len(got) < len(want) {
					t.Errorf("%d records, damaged %v", len(got), damaged)
				}
			}
		})
	}
	maintain(t, l)
	readers.Wait()
	next := first.Next()
	for int(next) < len(want) {
		k, err := r.NextAvailable()
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range textsOf(k) {
			if want[next+Offset(i)] != text {
				t.Fatalf("offset %d is another event", next+Offset(i))
			}
		}
		next = k.Next()
	}
	if a := mustAppend(t, topic, 0, events("key 1", "again")); !a.Duplicate || a.First != 2 {
		t.Errorf("a key in a sealed segment: %+v", a)
	}
}

// TestFlippedBitsOfSealedSegments: a bit that is flipped costs the events of one
// frame at most, and they are named.
func TestFlippedBitsOfSealedSegments(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l, topic, want := sealable(t, fsys, c)
	maintain(t, l)
	sealed, _ := sealedPaths(t, fsys, topic)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := fsys.Stat(sealed[1])
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	reported, unnoticed := 0, 0
	for flip := range 180 {
		at := random.Int64N(info.Size)
		switch { // all of what says where things are
		case flip < 2*placeBytes:
			at = int64(flip)
			if flip >= placeBytes {
				at = info.Size - int64(flip-placeBytes) - 1
			}
		case flip < 120:
			at = info.Size - placeBytes - 1 - int64(flip-2*placeBytes)
		}
		if at < 0 {
			continue
		}
		hit := fsys.CrashClone(vfs.LoseAll)
		if err := hit.Flip(sealed[1], at, 1<<(flip%8)); err != nil {
			t.Fatal(err)
		}
		l, topic := reopen(t, hit)
		got, damaged := read(t, topic, 0, 0)
		if len(damaged) > 1 || len(damaged) == 1 && damaged[0].To-damaged[0].From > 30 {
			t.Fatalf("byte %d: damaged %v", at, damaged)
		}
		for _, d := range damaged {
			for offset := d.From; offset < d.To; offset++ {
				got[offset] = want[offset]
			}
			reported++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("byte %d: (-want +got)\n%s", at, diff)
		}
		if damaged == nil {
			unnoticed++
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flips cost a frame, %d nothing", reported, unnoticed)
	if reported < 40 || unnoticed < 2*placeBytes {
		t.Errorf("%d flips were reported, %d cost nothing", reported, unnoticed)
	}
}

// TestLostSealedSegments: one that is gone, or of which neither table can be read,
// is damage; what is behind it can be read. A sealed one that is the last is not
// appended to.
func TestLostSealedSegments(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l, topic, want := sealable(t, fsys, c)
	maintain(t, l)
	sealed, _ := sealedPaths(t, fsys, topic)
	checkpoint := filepath.Join(topic.partitions[0].dir, checkpointName)
	last := segmentPaths(t, fsys, topic, 0)[3]
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lose := func(name string, disk *vfs.Mem) {
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(name string, disk *vfs.Mem) {
		if err := vfs.WriteFile(disk, name, []byte(sealedMagic)); err != nil {
			t.Fatal(err)
		}
	}
	for name, damage := range map[string]func(*vfs.Mem){
		"gone":                   func(disk *vfs.Mem) { lose(sealed[1], disk) },
		"cut off":                func(disk *vfs.Mem) { cut(sealed[1], disk) },
		"cut off, no checkpoint": func(disk *vfs.Mem) { cut(sealed[1], disk); lose(checkpoint, disk) },
	} {
		disk := fsys.CrashClone(vfs.LoseAll)
		damage(disk)
		_, topic := reopen(t, disk)
		got, damaged := read(t, topic, 0, 0)
		if len(damaged) != 1 || len(got)+int(damaged[0].To-damaged[0].From) != len(want) {
			t.Errorf("%s: %d of %d records, damaged %v", name, len(got), len(want), damaged)
		}
		for offset, text := range got {
			if want[offset] != text {
				t.Errorf("%s: offset %d is another event", name, offset)
			}
		}
	}
	disk := fsys.CrashClone(vfs.LoseAll)
	lose(last, disk)
	lose(checkpoint, disk)
	_, topic = reopen(t, disk)
	a := mustAppend(t, topic, 0, events("", "after the last one"))
	if got, damaged := read(t, topic, 0, 0); damaged != nil || len(got) != int(a.First)+1 {
		t.Errorf("%d records, damaged %v", len(got), damaged)
	}
}

// TestWhatIsNotSealed: what does not get smaller, and what is damaged. Neither is
// tried again.
func TestWhatIsNotSealed(t *testing.T) {
	disk, c := vfs.NewMem(), newClock()
	faulty := vfs.NewFaulty(disk, "")
	l := open(t, faulty, Options{SegmentBytes: 16 << 10, Now: c.Now})
	topic := create(t, l, "clicks", 1)
	random := rand.New(rand.NewPCG(3, 4))
	noise := func() string {
		b := make([]byte, 9000)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	want := map[Offset]string{}
	for i := range 6 {
		text := noise()
		if i == 2 || i == 3 {
			text = strings.Repeat("text ", 1800)
		}
		want[mustAppend(t, topic, 0, events("", text)).First] = text
	}
	paths := segmentPaths(t, faulty, topic, 0)
	if err := disk.Flip(paths[2], 500, 1); err != nil {
		t.Fatal(err)
	}
	maintain(t, l)
	sealed, plain := sealedPaths(t, faulty, topic)
	if len(sealed) != 1 || plain != 5 {
		t.Errorf("%d sealed, %d plain segments", len(sealed), plain)
	}
	changes := faulty.Changes()
	maintain(t, l)
	if faulty.Changes() != changes {
		t.Errorf("%d changes when there was nothing to do", faulty.Changes()-changes)
	}
	got, damaged := read(t, topic, 0, 0)
	if diff := cmp.Diff([]Range{{2, 3}}, damaged); diff != "" {
		t.Error(diff)
	}
	got[2] = want[2]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOldSegmentsAreEnded: a segment that never gets full is ended after a day and
// sealed then, also after a restart.
func TestOldSegmentsAreEnded(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l := open(t, fsys, Options{Now: c.Now})
	topic := create(t, l, "clicks", 1)
	maintain(t, l) // there is nothing to end
	for range 3 {
		mustAppend(t, topic, 0, events("", strings.Repeat("old ", 500)))
	}
	c.now = c.now.Add(segmentAgeMax - time.Hour)
	maintain(t, l)
	if sealed, plain := sealedPaths(t, fsys, topic); len(sealed) != 0 || plain != 1 {
		t.Fatalf("before a day: %d sealed, %d plain segments", len(sealed), plain)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(2 * time.Hour)
	l = open(t, fsys, Options{Now: c.Now})
	topic, err := l.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, topic, 0, events("", strings.Repeat("new ", 500)))
	for range 2 {
		maintain(t, l)
		if sealed, plain := sealedPaths(t, fsys, topic); len(sealed) != 1 || plain != 1 {
			t.Errorf("after a day: %d sealed, %d plain segments", len(sealed), plain)
		}
	}
	if got, damaged := read(t, topic, 0, 0); len(got) != 4 || damaged != nil {
		t.Errorf("%d records, damaged %v", len(got), damaged)
	}
}

// TestTheLogLooksAfterItself: without being asked, in a time that passes at once.
func TestTheLogLooksAfterItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem()
		l, err := Open(fsys, testDir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // it is in memory
		topic := create(t, l, "clicks", 1)
		mustAppend(t, topic, 0, events("", strings.Repeat("text ", 5000)))
		time.Sleep(segmentAgeMax - time.Minute)
		if sealed, plain := sealedPaths(t, fsys, topic); len(sealed) != 0 || plain != 1 {
			t.Errorf("before a day: %d sealed, %d plain segments", len(sealed), plain)
		}
		time.Sleep(time.Minute + 2*maintenancePause)
		if sealed, plain := sealedPaths(t, fsys, topic); len(sealed) != 1 || plain != 1 {
			t.Errorf("after a day: %d sealed, %d plain segments", len(sealed), plain)
		}
	})
}

// TestSealingEnds: whoever drops the topic or closes the log does not wait for
// segments that are to be sealed.
func TestSealingEnds(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l, topic, _ := sealable(t, fsys, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Maintain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var dropping sync.WaitGroup
	dropping.Go(func() {
		if err := l.DropTopic("clicks"); err != nil {
			t.Error(err)
		}
	})
	maintain(t, l)
	dropping.Wait()
	if _, err := fsys.Stat(topic.dir); err == nil {
		t.Error("something is left of the topic")
	}
}

// TestSealedFormat pins what a sealed segment has beside its frames, and reads one
// that was written by the first version.
func TestSealedFormat(t *testing.T) {
	datadriven.RunTest(t, "testdata/sealed", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "place":
			return hex.Dump(appendPlace(nil, 123456, 2))
		case "table":
			return hex.Dump(appendTable(nil, []frame{{size: 524288, stored: 70000, sum: 0xdeadbeef}, {size: 1000, stored: 53432, sum: 1}}))
		case "read":
			content, err := hex.DecodeString(strings.Join(strings.Fields(d.Input), ""))
			if err != nil {
				t.Fatal(err)
			}
			fsys := vfs.NewMem()
			if err := vfs.WriteFile(fsys, "/sealed", content); err != nil {
				t.Fatal(err)
			}
			file, err := fsys.Open("/sealed")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			s, err := openSealed(file, new(unsealer))
			if err != nil {
				return err.Error() + "\n"
			}
			text := make([]byte, s.size)
			if n, err := s.ReadAt(text, 0); n != len(text) || err != nil {
				t.Fatal(n, err)
			}
			if _, err := s.ReadAt(make([]byte, 1), s.size); err != io.EOF {
				t.Fatalf("behind the end: %v", err)
			}
			return fmt.Sprintf("%d frames of %d bytes: %q\n", len(s.frames), s.size, text)
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

// FuzzSealed opens any bytes as a sealed segment: an error, or bytes, but no panic.
func FuzzSealed(f *testing.F) {
	f.Add(append(appendPlace(nil, placeBytes, 0), appendTable(nil, nil)...))
	f.Add(append(append(appendPlace(nil, placeBytes+4, 1), "abcd"...), appendTable(nil, []frame{{size: 9, stored: 4, sum: 1}})...))
	f.Fuzz(func(t *testing.T, content []byte) {
		fsys := vfs.NewMem()
		if err := vfs.WriteFile(fsys, "/sealed", content); err != nil {
			t.Fatal(err)
		}
		file, err := fsys.Open("/sealed")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		s, err := openSealed(file, new(unsealer))
		if err != nil {
			return
		}
		b := make([]byte, min(s.size, 1<<20))
		if n, err := s.ReadAt(b, 0); err != nil || n != len(b) {
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		}
	})
}
