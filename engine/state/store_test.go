package state

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/engine"
)

var outputTypes = []value.Type{value.StringType, value.BigIntType}

func outputOf(text string, n int64) *batch.Batch {
	b := &batch.Batch{Rows: 1, Columns: []*batch.Column{batch.NewColumn(outputTypes[0], 1), batch.NewColumn(outputTypes[1], 1)}}
	b.Columns[0].AppendValue(value.OfString(text))
	b.Columns[1].AppendValue(value.OfBigInt(n))
	return b
}

func recordOf(e engine.Epoch) *Record {
	return &Record{Epoch: e, Origin: connect.Origin{byte(e), 15: 1}, Watermark: int64(e) * 100, Sources: []Source{
		{Watermark: 7, Splits: []Split{{ID: "a", Offset: []byte{byte(e)}, Watermark: 9}, {ID: "b", Watermark: batch.NoMark, Ended: true}}},
		{Watermark: batch.NoMark},
	}, Sinks: []Sink{{Number: 2, Before: connect.Mark{Epoch: e - 1, Origin: connect.Origin{byte(e - 1), 15: 1}}}}}
}

func stateOf(t testing.TB, s *Store, o Operator, w engine.Worker) map[string]string {
	found := map[string]string{}
	err := s.Load(o).Each(w, func(g engine.KeyGroup, key, val []byte) error {
		found[fmt.Sprintf("%d %s", g, key)] = string(val)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnEpochComesBack(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Newest(); r != nil || err != nil {
		t.Fatalf("a new store has the epoch %v, %v", r, err)
	}
	first, second := NewChanges(1), NewChanges(2)
	first.Put(0, []byte("k"), []byte("one"))
	first.Put(127, []byte("k"), []byte("far"))
	second.Put(0, []byte("k"), []byte("other operator"))
	if err := s.Commit(recordOf(1), []*Changes{first, second}, []Output{{outputOf("x", 1), outputOf("y", 2)}, nil}); err != nil {
		t.Fatal(err)
	}
	again := NewChanges(1)
	again.Put(0, []byte("l"), []byte("two"))
	again.Put(0, []byte("k"), []byte("lost"))
	again.Delete(0, []byte("k"))
	if err := s.Commit(recordOf(2), []*Changes{again}, []Output{nil, {outputOf("late", 3)}}); err != nil {
		t.Fatal(err)
	}
	newest, err := s.Newest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(recordOf(2), newest); diff != "" {
		t.Errorf("record: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"0 l": "two", "127 k": "far"}, stateOf(t, s, 1, engine.WorkerOf(0, 1))); diff != "" {
		t.Errorf("state: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"127 k": "far"}, stateOf(t, s, 1, engine.WorkerOf(1, 2))); diff != "" {
		t.Errorf("state of the second worker: %s", diff)
	}
	output, err := s.Outbox(1, 0, outputTypes)
	if err != nil || len(output) != 2 || output[1].Columns[1].Ints[0] != 2 {
		t.Errorf("outbox: %v, %v", output, err)
	}
	if err := s.Trim(1); err != nil {
		t.Fatal(err)
	}
	for epoch, want := range map[engine.Epoch]int{1: 0, 2: 1} {
		output, err := s.Outbox(epoch, int(epoch)-1, outputTypes)
		if err != nil || len(output) != want {
			t.Errorf("outbox of epoch %d after trim: %d batches, %v", epoch, len(output), err)
		}
	}
}

func TestOldRecordsGo(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for e := engine.Epoch(1); e <= 5; e++ {
		if err := s.Commit(recordOf(e), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	iter, err := s.iterate([]byte{recordSpace})
	if err != nil {
		t.Fatal(err)
	}
	defer iter.Close()
	n := 0
	for valid := iter.First(); valid; valid = iter.Next() {
		n++
	}
	if n != recordsKept {
		t.Errorf("%d records are kept, want %d", n, recordsKept)
	}
}

// TestPowerLossKeepsWholeEpochs: after a crash at any moment the store is as of
// some committed epoch, and not of an earlier one than Commit has confirmed.
func TestPowerLossKeepsWholeEpochs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := vfs.NewCrashableMem()
		s, err := open("state", disk)
		if err != nil {
			t.Fatal(err)
		}
		confirmed := rapid.IntRange(1, 8).Draw(t, "epochs")
		for e := 1; e <= confirmed; e++ {
			c := NewChanges(1)
			for k := range 20 {
				c.Put(engine.KeyGroup(k), []byte("k"), binary.BigEndian.AppendUint64(nil, uint64(e)))
			}
			if err := s.Commit(recordOf(engine.Epoch(e)), []*Changes{c}, []Output{{outputOf("x", int64(e))}}); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "trim") {
				if err := s.Trim(engine.Epoch(e - 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		seed := rapid.Uint64().Draw(t, "seed")
		left := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rapid.IntRange(0, 100).Draw(t, "kept"), RNG: rand.New(rand.NewPCG(seed, 1))})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := open("state", left)
		if err != nil {
			t.Fatal(err)
		}
		defer after.Close()
		newest, err := after.Newest()
		if err != nil || newest == nil || int(newest.Epoch) != confirmed {
			t.Fatalf("newest epoch is %v, %v; want %d", newest, err, confirmed)
		}
		n := 0
		err = after.Load(1).Each(engine.WorkerOf(0, 1), func(_ engine.KeyGroup, _, val []byte) error {
			n++
			if e := binary.BigEndian.Uint64(val); int(e) != confirmed {
				return fmt.Errorf("state of epoch %d in epoch %d", e, confirmed)
			}
			return nil
		})
		if err != nil || n != 20 {
			t.Errorf("%d keys, %v", n, err)
		}
		if output, err := after.Outbox(newest.Epoch, 0, outputTypes); err != nil || len(output) != 1 {
			t.Errorf("outbox of the newest epoch: %v, %v", output, err)
		}
	})
}

func TestDamageIsTold(t *testing.T) {
	good := recordOf(3).encode()
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 4
		if r, err := decodeRecord(bad); err == nil {
			t.Errorf("byte %d is wrong and the record was read: %v", i, r)
		}
		if _, err := decodeRecord(good[:i]); err == nil {
			t.Errorf("the first %d bytes were read as a record", i)
		}
	}
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.db.Set(outboxKey(1, 0, 0), []byte("nonsense"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Outbox(1, 0, outputTypes); !problem.Is(err, problem.Corrupt) {
		t.Errorf("a damaged outbox gave %v", err)
	}
	if err := s.db.Set(recordKey(1), []byte("nonsense"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Newest(); !problem.Is(err, problem.Corrupt) {
		t.Errorf("a damaged record gave %v", err)
	}
}

// TestStoredRecord holds the versions of a record: they are read by later releases.
func TestStoredRecord(t *testing.T) {
	const (
		body = "0000000000000003000000000000012c" + "02" + "0000000000000007" + "02" + "0161" + "01" + "0103" + "0000000000000009" +
			"0162" + "02" + "00" + "8000000000000000" + "8000000000000000" + "00"
		unsigned = "01" + body + "e4affe2b"
		origin   = "03000000000000000000000000000001"
		sink     = "02" + "0000000000000002" + "02000000000000000000000000000001"
		want     = "02" + body + origin + "01" + sink + "a0730213"
	)
	if got := fmt.Sprintf("%x", recordOf(3).encode()); got != want {
		t.Errorf("bytes changed:\n got %s\nwant %s", got, want)
	}
	stored, err := hex.DecodeString(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(stored)
	if err != nil {
		t.Fatal(err)
	}
	old := recordOf(3)
	old.Origin, old.Sinks = connect.Origin{}, nil
	if diff := cmp.Diff(old, got); diff != "" {
		t.Errorf("version 1: %s", diff)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(recordOf(3).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err != nil {
			return
		}
		again, err := decodeRecord(r.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	e := engine.Epoch(0)
	for b.Loop() {
		e++
		c := NewChanges(1)
		for k := range 1000 {
			c.Put(engine.KeyGroup(k%engine.KeyGroups), fmt.Appendf(nil, "key %d", k), []byte("state of a group"))
		}
		if err := s.Commit(recordOf(e), []*Changes{c}, nil); err != nil {
			b.Fatal(err)
		}
	}
	if newest, err := s.Newest(); err != nil || newest.Epoch != e {
		b.Errorf("newest is %v, %v", newest, err)
	}
}
