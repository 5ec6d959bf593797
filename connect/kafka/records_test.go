package kafka

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/batch"
)

// rawBatch builds a record batch with franz-go's encoder.
func rawBatch(base int64, attributes int16, producer int64, records ...kmsg.Record) []byte {
	var body []byte
	for i := range records {
		r := &records[i]
		r.OffsetDelta = int32(i)
		sized := *r
		sized.Length = 0
		r.Length = int32(len(sized.AppendTo(nil)) - 1)
		body = r.AppendTo(body)
	}
	b := kmsg.RecordBatch{
		FirstOffset: base, Length: int32(49 + len(body)), PartitionLeaderEpoch: 3, Magic: 2, Attributes: attributes, LastOffsetDelta: int32(len(records) - 1),
		FirstTimestamp: 1000, MaxTimestamp: 2000, ProducerID: producer, ProducerEpoch: 0, FirstSequence: 0, NumRecords: int32(len(records)), Records: body,
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[crcPlace:], crc32.Checksum(raw[crcFrom:], castagnoli))
	return raw
}

func of(values ...string) (all []kmsg.Record) {
	for i, v := range values {
		all = append(all, kmsg.Record{Key: []byte{byte('a' + i)}, Value: []byte(v), TimestampDelta64: int64(i)})
	}
	return all
}

func takeAll(t *testing.T, u *unpacker, most int) (got []string) {
	t.Helper()
	for {
		records, block, err := u.take(most)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return got
		}
		for _, r := range records {
			got = append(got, string(block[r.value.Offset:r.value.Offset+r.value.Length]))
		}
	}
}

// However few records are taken at once, all come, once.
func TestUnpack(t *testing.T) {
	raw := append(rawBatch(5, 0, -1, of("five", "six", "seven")...), rawBatch(8, 0, -1, of("eight")...)...)
	cut := append(bytes.Clone(raw), rawBatch(9, 0, -1, of("nine")...)[:70]...) // the broker had no more room
	for _, from := range []int64{0, 5, 6, 8} {
		for most := 1; most < 6; most++ {
			u := newUnpacker(from, true)
			u.begin(cut, nil)
			got := takeAll(t, u, most)
			want := []string{"five", "six", "seven", "eight"}[max(from-5, 0):]
			expect(t, got, want)
			if u.next != 9 {
				t.Errorf("next is %d", u.next)
			}
		}
	}
	if end := endOf(cut, 0); end != 9 {
		t.Errorf("the answer ends at %d", end)
	}
	bad := bytes.Clone(raw)
	bad[len(bad)-2] ^= 1
	u := newUnpacker(0, true)
	u.begin(bad, nil)
	if _, _, err := u.take(9); err == nil {
		t.Error("damage was not seen")
	}
}

// The records of an aborted transaction are passed, those of the producer's next
// one are not.
func TestUnpackTransactions(t *testing.T) {
	end := func(base, producer int64, kind byte) []byte {
		return rawBatch(base, transactBit|controlBit, producer, kmsg.Record{Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 0}})
	}
	raw := bytes.Join([][]byte{
		rawBatch(0, transactBit, 7, of("aborted")...), rawBatch(1, transactBit, 8, of("kept")...), end(2, 7, 0),
		rawBatch(3, transactBit, 7, of("kept too")...), end(4, 8, 1), end(5, 7, 1),
	}, nil)
	u := newUnpacker(0, true)
	u.begin(raw, []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 0}})
	expect(t, takeAll(t, u, 10), []string{"kept", "kept too"})
	if u.next != 6 {
		t.Errorf("next is %d", u.next)
	}
}

// The stored form of an offset does not change.
func TestOffsetBytes(t *testing.T) {
	p := place{topicID: [16]byte{1, 2, 15: 16}, next: 300, end: unbounded}
	const want = "01" + "01020000000000000000000000000010" + "ac02" + "ffffffffffffffff7f"
	if got := hex.EncodeToString(p.offset()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if back, err := parsePlace(p.offset()); err != nil || back != p {
		t.Errorf("read back %v, %v", back, err)
	}
	for n := range len(p.offset()) {
		if _, err := parsePlace(p.offset()[:n]); err == nil {
			t.Errorf("%d bytes are taken for an offset", n)
		}
	}
}

// Whatever a broker sends, no record lies outside of its block.
func FuzzUnpack(f *testing.F) {
	f.Add(rawBatch(0, 0, -1, of("a", "b")...), int64(0))
	f.Add(rawBatch(0, 2, -1, of("a", "b")...), int64(1))
	f.Add(rawBatch(3, transactBit|controlBit, 1, of("a")...), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, from int64) {
		if len(raw) >= batchHead { // so that more than the checksum is looked at
			if length := int(binary.BigEndian.Uint32(raw[8:])) + lengthEnd; length >= batchHead && length <= len(raw) {
				binary.BigEndian.PutUint32(raw[crcPlace:], crc32.Checksum(raw[crcFrom:length], castagnoli))
			}
		}
		u := newUnpacker(max(from, 0), true)
		u.begin(raw, nil)
		for range 100 {
			records, block, err := u.take(batch.MaxRows)
			if err != nil || len(records) == 0 {
				return
			}
			for _, r := range records {
				for _, v := range []batch.View{r.key, r.value, r.headers} {
					if int64(v.Offset)+int64(v.Length) > int64(len(block)) {
						t.Fatalf("a view %v in a block of %d bytes", v, len(block))
					}
				}
				_, _ = cutHeaders(block, r.headers)
			}
		}
	})
}
