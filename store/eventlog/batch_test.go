package eventlog

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"tidemark/base/batch"
)

// TestGoldenBytes pins the bytes on the disk: a change here needs a new format
// version and a reader for the old one.
func TestGoldenBytes(t *testing.T) {
	datadriven.RunTest(t, "testdata/format", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "batch":
			var base, runStart, timeMS int64
			d.ScanArgs(t, "base", &base)
			d.ScanArgs(t, "run", &runStart)
			d.ScanArgs(t, "time", &timeMS)
			e := parseEvents(d.Input)
			b := make([]byte, e.encodedBytesMax())
			return hex.Dump(b[:e.encode(b, Offset(base), runStart, timeMS)])
		case "checkpoint":
			c := checkpoint{
				synced:   77,
				segments: []segmentMark{{1, 0, 4096, 1700000000000}, {2, 50, 123, 1700000000001}},
				holds:    map[string]Offset{"job b": 60, "job a": 7},
				keys:     []rememberedKey{{hashKey("key"), 55, 1700000000002}},
				producers: map[int64]producerState{
					1000: {3, []producedBatch{{10, 5, 40, 1700000000003}, {15, 1, 45, 1700000000004}}},
					7:    {0, []producedBatch{{0, 2, 30, 1700000000001}}},
				},
			}
			b := c.encode()
			decoded, err := decodeCheckpoint(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c, decoded, cmp.AllowUnexported(checkpoint{}, segmentMark{}, rememberedKey{}, producerState{}, producedBatch{})); diff != "" {
				t.Error(diff)
			}
			return hex.Dump(b)
		case "segment-name":
			return (&segment{id: 7, base: 1234}).plainName() + "\n"
		case "folder-name":
			return escapeName(d.Input) + "\n"
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

// parseEvents reads lines "value TEXT", "record KEY TEXT NAME=VALUE…", "void",
// "delete KEY", "producer ID EPOCH SEQUENCE", "key TEXT" and "result TEXT".
func parseEvents(input string) *Events {
	var e Events
	var values []string
	for _, line := range strings.Split(input, "\n") {
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "value":
			values = append(values, rest)
		case "record":
			fields := strings.Fields(rest)
			r := Record{Key: []byte(fields[0]), Value: []byte(fields[1])}
			for _, field := range fields[2:] {
				name, value, _ := strings.Cut(field, "=")
				r.Headers = append(r.Headers, Header{name, []byte(value)})
			}
			e.Records = append(e.Records, r)
		case "void":
			e.Records = append(e.Records, Record{Headers: []Header{{Name: VoidHeader}}})
		case "delete":
			e.Records = append(e.Records, Record{Key: []byte(rest), Headers: []Header{{DeleteHeader, []byte(rest)}}})
		case "producer":
			e.Producer = &Producer{}
			if _, err := fmt.Sscan(rest, &e.Producer.ID, &e.Producer.Epoch, &e.Producer.Sequence); err != nil {
				panic(err)
			}
		case "packed":
			e.PackedCount, e.Packed = 3, []byte(rest)
		case "key":
			e.Key = rest
		case "result":
			e.Result = []byte(rest)
		}
	}
	if len(values) > 0 {
		views := events("", values...)
		e.Block, e.Values = views.Block, views.Values
	}
	return &e
}

// anyEvents draws an append of either form.
func anyEvents(t *rapid.T) Events {
	var e Events
	bytes := rapid.SliceOfN(rapid.Byte(), 0, 300)
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		e.PackedCount = rapid.IntRange(1, 1000).Draw(t, "packed")
		e.Packed = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "pack")
	case 1:
		e.Block = bytes.Draw(t, "block")
		for range rapid.IntRange(1, 20).Draw(t, "values") {
			from := rapid.IntRange(0, len(e.Block)).Draw(t, "from")
			length := rapid.IntRange(0, len(e.Block)-from).Draw(t, "length")
			e.Values = append(e.Values, batch.View{Offset: uint32(from), Length: uint32(length)})
		}
	default:
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			var r Record
			if rapid.Bool().Draw(t, "has key") {
				r.Key = bytes.Draw(t, "key")
			}
			if rapid.Bool().Draw(t, "has value") {
				r.Value = bytes.Draw(t, "value")
			}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				r.Headers = append(r.Headers, Header{rapid.StringN(0, 20, -1).Draw(t, "name"), bytes.Draw(t, "header")})
			}
			e.Records = append(e.Records, r)
		}
	}
	if rapid.Bool().Draw(t, "idempotent") {
		e.Key = rapid.StringN(1, 40, keyBytesMax).Draw(t, "idempotency key")
		e.Result = bytes.Draw(t, "result")
	}
	return e
}

// TestKafkaReadsOurBatches compares with the decoder of a Kafka client, and with
// our own.
func TestKafkaReadsOurBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvents(t)
		b := make([]byte, e.encodedBytesMax())
		b = b[:e.encode(b, 12345, 678, 1700000000000)]

		var theirs kmsg.RecordBatch
		if err := theirs.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
		if theirs.FirstOffset != 12345 || int(theirs.NumRecords) != e.count() || theirs.Magic != 2 ||
			uint32(theirs.CRC) != crc32.Checksum(b[21:], castagnoli) || theirs.MaxTimestamp != 1700000000000 {
			t.Fatalf("a client reads %+v", theirs)
		}
		h, err := decodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(b); err != nil {
			t.Fatal(err)
		}
		k := &Block{buffer: b, first: 12345}
		if err := k.decodeRecords(h, 0, len(b), 0); err != nil {
			t.Fatal(err)
		}
		rest := theirs.Records
		if e.PackedCount > 0 {
			if pack, skip, ok := k.Packed(); !ok || skip != 0 || string(pack) != string(e.Packed) || k.Len() != e.PackedCount || k.First() != 12345 || k.Time(0) != 1700000000000 {
				t.Fatalf("%d packed events from %d on: %x, want %x", k.Len(), k.First(), pack, e.Packed)
			}
		}
		for i := range e.count() - e.PackedCount {
			length, n := binary.Varint(rest)
			var their kmsg.Record
			if err := their.ReadFrom(rest[:n+int(length)]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n+int(length):]
			want := expected(&e, i)
			got, err := k.Record(i)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("record %d (-want +got)\n%s", i, diff)
			}
			theirRecord := Record{Key: their.Key, Value: their.Value}
			for _, h := range their.Headers {
				theirRecord.Headers = append(theirRecord.Headers, Header{h.Key, h.Value})
			}
			if diff := cmp.Diff(want, theirRecord, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a client reads record %d (-want +got)\n%s", i, diff)
			}
			if string(k.Value(i)) != string(want.Value) {
				t.Fatalf("value %d is %q, want %q", i, k.Value(i), want.Value)
			}
		}
		if key, result, ok := answerOf(b); ok != (e.Key != "") || key != e.Key || string(result) != string(e.Result) {
			t.Fatalf("the answer is %q %q %v", key, result, ok)
		}
	})
}

// expected is what record i of an append must read as.
func expected(e *Events, i int) Record {
	var r Record
	if len(e.Values) > 0 {
		v := e.Values[i]
		r.Value = e.Block[v.Offset : v.Offset+v.Length]
	} else {
		r = e.Records[i]
	}
	if i == 0 && e.Key != "" {
		r.Headers = append(append([]Header(nil), r.Headers...), e.ownHeaders()...)
	}
	return r
}

// FuzzDecode reads any bytes as a batch. The checksum is put right, so that
// everything behind it is reached; nothing may be read outside of the bytes.
func FuzzDecode(f *testing.F) {
	for _, e := range []Events{events("", "a"), packed("key", "a", "b"), events("key", "a", strings.Repeat("b", 200)), {Key: "only a key", Result: []byte("r")},
		{Records: []Record{{Key: []byte("k"), Headers: []Header{{"n", nil}}}, {}}}} {
		b := make([]byte, e.encodedBytesMax())
		f.Add(b[:e.encode(b, 7, 0, 1)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerBytes {
			return
		}
		b = append(make([]byte, 0, len(b)), b...)
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
		h, err := decodeHeader(b)
		if err != nil || h.size > len(b) {
			return
		}
		answerOf(b[:h.size])
		k := &Block{buffer: b[:h.size], first: h.base}
		if err := k.decodeRecords(h, 0, h.size, 0); err != nil {
			return
		}
		if k.Len() != h.records {
			t.Fatalf("%d records instead of %d", k.Len(), h.records)
		}
		if _, _, ok := k.Packed(); ok {
			return
		}
		for i := range k.Len() {
			value := k.Value(i)
			if r, err := k.Record(i); err == nil && string(r.Value) != string(value) {
				t.Fatalf("record %d has value %q and %q", i, value, r.Value)
			}
		}
	})
}

// FuzzCheckpoint reads any bytes as a checkpoint; one that is accepted is
// written again byte by byte the same.
func FuzzCheckpoint(f *testing.F) {
	c := checkpoint{synced: 5, segments: []segmentMark{{1, 0, 10, 20}}, holds: map[string]Offset{"a": 1}, keys: []rememberedKey{{offset: 3}}}
	f.Add(c.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			b = binary.BigEndian.AppendUint32(append([]byte(nil), b[:len(b)-4]...), crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		c, err := decodeCheckpoint(b)
		if err != nil {
			return
		}
		if again := c.encode(); len(again) == len(b) && len(c.holds) < 2 && string(again) != string(b) {
			t.Fatalf("%x was read and written as %x", b, again)
		}
	})
}

func TestVarint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.IntRange(0, 1<<40).Draw(t, "n")
		var b [10]byte
		n := putVarint(b[:], want)
		got, read := varint(b[:n])
		if theirs, _ := binary.Varint(b[:n]); int(got) != want || read != n || theirs != got || n != varintBytes(want) {
			t.Fatal(fmt.Sprintf("%d is read as %d", want, got))
		}
		if _, read := varint(b[:n-1]); read != 0 {
			t.Fatalf("%d without its last byte was read", want)
		}
	})
}
