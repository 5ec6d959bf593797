package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/vfs"
)

const testDir = "/data/log"

// open opens a log that the test closes.
func open(t testing.TB, fsys vfs.FS, options Options) *Log {
	t.Helper()
	l, err := Open(fsys, testDir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func create(t testing.TB, l *Log, name string, partitions int) *Topic {
	t.Helper()
	topic, err := l.CreateTopic(name, partitions)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

// events makes an append of some texts, as views into one block.
func events(key string, texts ...string) Events {
	e := Events{Block: []byte(strings.Join(texts, "\n")), Key: key}
	at := uint32(0)
	for _, text := range texts {
		e.Values = append(e.Values, batch.View{Offset: at, Length: uint32(len(text))})
		at += uint32(len(text)) + 1
	}
	return e
}

// packed is events as one piece: a line each.
func packed(key string, texts ...string) Events {
	return Events{Packed: []byte(strings.Join(texts, "\n") + "\n"), PackedCount: len(texts), Key: key}
}

// either is events or packed: of every two appends, one is packed.
func either(i int, key string, texts ...string) Events {
	if i%2 == 0 {
		return packed(key, texts...)
	}
	return events(key, texts...)
}

// texts are the events of an append that events or packed made.
func (e *Events) texts() []string {
	if e.PackedCount > 0 {
		return strings.Split(strings.TrimSuffix(string(e.Packed), "\n"), "\n")
	}
	return strings.Split(string(e.Block), "\n")
}

// textsOf are the events of a block, as events and packed made them.
func textsOf(k *Block) (texts []string) {
	if pack, skip, ok := k.Packed(); ok {
		return strings.Split(strings.TrimSuffix(string(pack), "\n"), "\n")[skip:]
	}
	for i := range k.Len() {
		texts = append(texts, string(k.Value(i)))
	}
	return texts
}

func mustAppend(t testing.TB, topic *Topic, p Partition, e Events) Appended {
	t.Helper()
	a, err := topic.Append(context.Background(), p, e)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// read reads what is there from an offset on; damage is skipped and shown as a
// range.
func read(t testing.TB, topic *Topic, p Partition, from Offset) (texts map[Offset]string, damaged []Range) {
	t.Helper()
	r, err := topic.Reader(p, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	texts = map[Offset]string{}
	for {
		k, err := r.NextAvailable()
		switch {
		case err == io.EOF:
			return texts, damaged
		case problem.Is(err, problem.Corrupt):
			skipped, err := r.SkipCorrupt()
			if err != nil {
				t.Fatal(err)
			}
			damaged = append(damaged, skipped)
			continue
		case err != nil:
			t.Fatal(err)
		}
		all := textsOf(k)
		if len(all) != k.Len() {
			t.Fatalf("a block of %d records has %d", k.Len(), len(all))
		}
		for i, text := range all {
			offset := k.First() + Offset(i)
			if _, twice := texts[offset]; twice {
				t.Fatalf("offset %d was read twice", offset)
			}
			texts[offset] = text
		}
		k.Release()
	}
}

// appendRun queues several appends at once, so that they become one write run,
// and returns their first offsets and errors.
func appendRun(topic *Topic, p Partition, all ...Events) (first []Offset, errs []error) {
	if err := topic.partitions[p].failed; err != nil {
		return make([]Offset, len(all)), []error{err}
	}
	w := topic.partitions[p].writer
	var run []*request
	w.queue.Lock()
	for i := range all {
		r := &request{events: &all[i], hash: hashKey(all[i].Key), bytesMax: all[i].encodedBytesMax(), done: make(chan error, 1)}
		run = append(run, r)
		w.queue.waiting = append(w.queue.waiting, r)
		w.queue.bytes += r.bytesMax
	}
	w.queue.filled.Signal()
	w.queue.Unlock()
	for _, r := range run {
		errs = append(errs, <-r.done)
		first = append(first, r.first)
	}
	return first, errs
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)} }

// segmentPaths are the files of a partition, oldest first.
func segmentPaths(t testing.TB, fsys vfs.FS, topic *Topic, p Partition) []string {
	t.Helper()
	dir := topic.partitions[p].dir
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, name := range names {
		if _, ok := parseSegmentName(name); ok {
			paths = append(paths, dir+"/"+name)
		}
	}
	return paths
}

func text(i int) string { return fmt.Sprintf(`{"event":%d,"pad":"%s"}`, i, strings.Repeat("x", i%97)) }

func hasCause(err, cause error) bool { return errors.Is(err, cause) }
