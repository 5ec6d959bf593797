package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
)

func produced(id int64, epoch int16, sequence int32, texts ...string) Events {
	e := events("", texts...)
	e.Producer = &Producer{ID: id, Epoch: epoch, Sequence: sequence}
	return e
}

// A producer's batches are taken in order and once, also after a crash, with
// and without a checkpoint.
func TestProducerSequences(t *testing.T) {
	disk := vfs.NewMem()
	topic := create(t, open(t, disk, Options{}), "clicks", 2)
	mustAppend(t, topic, 0, produced(1, 0, 0, "a", "b"))
	want := mustAppend(t, topic, 0, produced(1, 0, 2, "c"))
	mustAppend(t, topic, 1, produced(1, 0, 0, "other partition"))
	mustAppend(t, topic, 0, produced(2, 4, 1<<31-2, "x", "y")) // unknown: begins anywhere

	check := func(topic *Topic) {
		t.Helper()
		again, err := topic.Append(t.Context(), 0, produced(1, 0, 2, "c"))
		want.Duplicate = true
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Error(err, diff)
		}
		for name, c := range map[string]struct {
			events Events
			want   error
		}{
			"a gap":                      {produced(1, 0, 4, "e"), ErrOutOfSequence},
			"another cut of a batch":     {produced(1, 0, 1, "b", "c"), ErrOutOfSequence},
			"an epoch from its middle":   {produced(1, 1, 3, "d"), ErrOutOfSequence},
			"an earlier epoch":           {produced(2, 3, 0, "z"), ErrFenced},
			"not behind the last number": {produced(2, 4, 1, "z"), ErrOutOfSequence},
		} {
			if _, err := topic.Append(t.Context(), 0, c.events); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
	check(topic)
	_, afterCrash := reopen(t, disk.CrashClone(vfs.LoseAll))
	check(afterCrash)
	closing, again := reopen(t, disk.CrashClone(vfs.LoseAll))
	check(again)
	if err := closing.Close(); err != nil {
		t.Fatal(err)
	}
	_, afterClose := reopen(t, closing.fs)
	check(afterClose)
	mustAppend(t, afterClose, 0, produced(1, 1, 0, "d")) // a new epoch begins at 0
	mustAppend(t, afterClose, 0, produced(2, 4, 0, "z")) // after the greatest number comes 0
	got, _ := read(t, afterClose, 0, 0)
	if diff := cmp.Diff(map[Offset]string{0: "a", 1: "b", 2: "c", 3: "x", 4: "y", 5: "d", 6: "z"}, got); diff != "" {
		t.Error(diff)
	}
}

// Many goroutines send the same batches: each is appended once.
func TestSameBatchAtOnce(t *testing.T) {
	topic := create(t, open(t, rooted(t), Options{}), "clicks", 1)
	for n := range int32(producerBatches) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := topic.Append(context.Background(), 0, produced(1, 0, n, fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if got, _ := read(t, topic, 0, 0); len(got) != producerBatches {
		t.Errorf("%d events: %v", len(got), got)
	}
}

func TestForgottenProducers(t *testing.T) {
	table := newProducerTable()
	for id := range int64(producersMax + 1) {
		table.remember(Producer{ID: id}, producedBatch{count: 1, timeMS: id})
	}
	all := table.remembered()
	if _, known := all[0]; known || len(all) != producersMax+1-producersMax/8 {
		t.Errorf("%d producers are remembered, the oldest: %v", len(all), known)
	}
	if _, known := all[producersMax]; !known {
		t.Error("the newest is forgotten")
	}
}

// What ReadRecords accepts comes out of the log as it went in.
func TestEncodedRecords(t *testing.T) {
	records := []Record{
		{Key: []byte("k"), Value: []byte(`{"a":1}`)},
		{Headers: []Header{{"h", nil}, {"g", []byte("x")}}},
		{Value: []byte{}},
		{Value: bytes.Repeat([]byte("long "), 100), Headers: []Header{{"h", bytes.Repeat([]byte("x"), 300)}}},
		{Key: []byte("behind it"), Value: []byte("v")},
	}
	source := Events{Records: records}
	whole := make([]byte, source.encodedBytesMax())
	encoded := whole[headerBytes:source.encode(whole, 0, 0, 0)]
	k, err := ReadRecords(encoded, len(records))
	if err != nil {
		t.Fatal(err)
	}
	k.Release()
	for n := range encoded {
		if _, err := ReadRecords(encoded[:n], len(records)); err == nil {
			t.Errorf("%d of %d bytes are read as whole", n, len(encoded))
		}
	}
	topic := create(t, open(t, vfs.NewMem(), Options{}), "clicks", 1)
	mustAppend(t, topic, 0, events("", "before"))
	mustAppend(t, topic, 0, Events{Encoded: encoded, EncodedCount: len(records)})
	r, err := topic.Reader(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if k, err = r.NextAvailable(); err != nil || k.First() != 1 || k.Len() != len(records) {
		t.Fatalf("%v, %+v", err, k)
	}
	for i := range records {
		if got, err := k.Record(i); err != nil || cmp.Diff(records[i], got) != "" {
			t.Errorf("record %d: %v, %s", i, err, cmp.Diff(records[i], got))
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add([]byte{14, 0, 0, 0, 1, 2, 'x', 0}, 1)
	f.Fuzz(func(t *testing.T, encoded []byte, count int) {
		k, err := ReadRecords(encoded, count)
		if err != nil {
			return
		}
		for i := range count {
			if _, err := k.Record(i); err != nil {
				t.Fatalf("record %d was accepted: %v", i, err)
			}
		}
	})
}
