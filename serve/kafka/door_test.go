package kafka

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/value"
	"tidemark/connect"
)

func describe(records []*kgo.Record) (all []string) {
	for _, r := range records {
		text := fmt.Sprintf("%s/%d@%d %s", r.Topic, r.Partition, r.Offset, r.Key)
		if r.Value == nil {
			text += " deleted"
		} else {
			text += " " + string(r.Value)
		}
		for _, h := range r.Headers {
			text += fmt.Sprintf(" %s=%s", h.Key, h.Value)
		}
		all = append(all, text)
	}
	return all
}

func TestWhatIsProducedIsReadByJobsAndConsumers(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, nil)
			c := s.client(kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			with := record("clicks", 1, "key", `{"id":2,"name":"b"}`)
			with.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte("t1")}, {Key: "none"}}
			sent := produce(t, c, record("clicks", 1, "", `{"id":1,"name":"a"}`), with, record("clicks", 0, "", ` {"name":"c", "id":3 } `))
			for _, r := range sent {
				if r.Partition == 1 && r.Offset != int64(string(r.Value)[6]-'1') {
					t.Errorf("%s has offset %d", r.Value, r.Offset)
				}
			}
			if diff := cmp.Diff([]string{"3|c", "1|a", "2|b"}, s.rows("clicks", nil)); diff != "" {
				t.Error(diff)
			}
			reader := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"clicks": {1: kgo.NewOffset().AtStart()}}))
			if diff := cmp.Diff([]string{`clicks/1@0  {"id":1,"name":"a"}`, `clicks/1@1 key {"id":2,"name":"b"} trace=t1 none=`}, describe(consume(t, reader, 2))); diff != "" {
				t.Error(diff)
			}
			reader = s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"clicks": {0: kgo.NewOffset().AtStart()}}))
			if diff := cmp.Diff([]string{`clicks/0@0   {"name":"c", "id":3 } `}, describe(consume(t, reader, 1))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Records that cannot be read keep their offsets, and nobody else sees them.
func TestQuarantine(t *testing.T) {
	s := newStand(t, nil)
	c := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	own := record("clicks", 1, "", `{"id":5}`)
	own.Headers = []kgo.RecordHeader{{Key: "tidemark.void"}}
	sent := produce(t, c,
		record("clicks", 1, "", `{"id":"one"}`), record("clicks", 1, "", `{"id":2}`), record("clicks", 1, "", `nothing`),
		record("clicks", 1, "", `{"id":4}`), own, record("clicks", 1, "k", ""))
	if sent[5].Offset != 5 {
		t.Errorf("the last record has offset %d", sent[5].Offset)
	}
	if diff := cmp.Diff([]string{"2|NULL", "4|NULL"}, s.rows("clicks", nil)); diff != "" {
		t.Error(diff)
	}
	kept := s.rows("clicks$quarantine", nil, connect.Column{Name: "partition", Type: value.IntType}, connect.Column{Name: "offset", Type: value.BigIntType}, connect.Column{Name: "code", Type: value.StringType}, connect.Column{Name: "raw", Type: value.StringType})
	if diff := cmp.Diff([]string{`1|0|type_mismatch|{"id":"one"}`, `1|2|syntax|nothing`, `1|4|invalid_value|{"id":5}`, `1|5|invalid_value|`}, kept); diff != "" {
		t.Error(diff)
	}
	reader := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"clicks": {1: kgo.NewOffset().AtStart()}}))
	if diff := cmp.Diff([]string{`clicks/1@1  {"id":2}`, `clicks/1@3  {"id":4}`}, describe(consume(t, reader, 2))); diff != "" {
		t.Error(diff)
	}
	produce(t, c, record("clicks", 1, "", `{"id":7}`)) // the reader is behind the last bad ones
	if diff := cmp.Diff([]string{`clicks/1@6  {"id":7}`}, describe(consume(t, reader, 1))); diff != "" {
		t.Error(diff)
	}
}

// A record without a value deletes the row with its key.
func TestDeletions(t *testing.T) {
	s := newStand(t, nil)
	c := s.client()
	tombstone := func(key string) *kgo.Record { return &kgo.Record{Topic: "users", Key: []byte(key)} }
	produce(t, c, record("users", 0, "1", `{"id":1,"name":"a"}`), tombstone("1"), tombstone(`{"id":2}`), tombstone(`{"schema":{},"payload":{"id":3}}`), tombstone("no number"))
	if diff := cmp.Diff([]string{"1|a", "-D 1|NULL", "-D 2|NULL", "-D 3|NULL"}, s.rows("users", []int{0})); diff != "" {
		t.Error(diff)
	}
	reader := s.client(kgo.ConsumeTopics("users"))
	want := []string{`users/0@0 1 {"id":1,"name":"a"}`, `users/0@1 1 deleted`, `users/0@2 {"id":2} deleted`, `users/0@3 {"schema":{},"payload":{"id":3}} deleted`}
	if diff := cmp.Diff(want, describe(consume(t, reader, 4))); diff != "" {
		t.Error(diff)
	}
	if kept := s.rows("users$quarantine", nil, connect.Column{Name: "offset", Type: value.BigIntType}); len(kept) != 1 || kept[0] != "4" {
		t.Errorf("quarantine: %q", kept)
	}
}

func TestDebezium(t *testing.T) {
	s := newStand(t, nil)
	produce(t, s.client(),
		record("orders", 0, `{"id":1}`, `{"before":null,"after":{"id":1,"name":"a"},"op":"c"}`),
		record("orders", 0, `{"id":1}`, `{"before":{"id":1,"name":"a"},"after":{"id":1,"name":"b"},"op":"u","ts_ms":1}`),
		record("orders", 0, `{"id":2}`, `{"before":null,"after":{"id":"x"},"op":"r"}`),
		record("orders", 0, `{"id":1}`, `{"before":{"id":1,"name":"b"},"after":null,"op":"d"}`),
		&kgo.Record{Topic: "orders", Key: []byte(`{"id":1}`)})
	if diff := cmp.Diff([]string{"1|a", "1|b", "-D 1|NULL", "-D 1|NULL"}, s.rows("orders", []int{0})); diff != "" {
		t.Error(diff)
	}
	reader := s.client(kgo.ConsumeTopics("orders"))
	want := []string{`orders/0@0 {"id":1} {"id":1,"name":"a"}`, `orders/0@1 {"id":1} {"id":1,"name":"b"}`, `orders/0@3 {"id":1} deleted`, `orders/0@4 {"id":1} deleted`}
	if diff := cmp.Diff(want, describe(consume(t, reader, 4))); diff != "" {
		t.Error(diff)
	}
}
