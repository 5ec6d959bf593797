package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// A restart at any offset reads what is behind it, and nothing else.
func TestReadFromEveryOffset(t *testing.T) {
	worlds(t, 1, func(w *world) {
		var want []string
		for i := range 30 {
			want = append(want, strconv.Itoa(i))
			w.put(0, want[i])
		}
		s := w.source(w.request(text, "format", "raw"), false)
		for at := range want {
			from := place{next: int64(at), end: unbounded}.offset()
			r := w.open(s, 0, from)
			expect(t, w.rows(r, len(want)-at), want[at:])
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestStartAndEnd(t *testing.T) {
	worlds(t, 2, func(w *world) {
		for i := range 10 {
			for p := range int32(2) {
				w.putRecords(&kgo.Record{Partition: p, Value: fmt.Appendf(nil, "%d.%d", p, i), Timestamp: time.UnixMilli(int64(1000 * i))})
			}
		}
		admin := kadm.NewClient(w.client)
		offsets := kadm.Offsets{}
		offsets.AddOffset(w.topic, 0, 8, -1)
		offsets.AddOffset(w.topic, 1, 9, -1)
		group := "group-" + w.topic
		if err := untilFree(t.Context(), func() error { return admin.CommitAllOffsets(t.Context(), group, offsets) }); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			options []string
			want    string
		}{
			{[]string{"scan.bounded.mode", "timestamp", "scan.bounded.timestamp-millis", "2000"}, "0.0 0.1 1.0 1.1"},
			{[]string{"scan.bounded.mode", "timestamp", "scan.bounded.timestamp-millis", "99000", "scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", "8500"}, "0.9 1.9"},
			{[]string{"scan.bounded.mode", "specific-offsets", "scan.bounded.specific-offsets", "partition:0,offset:1;partition:1,offset:2"}, "0.0 1.0 1.1"},
			{[]string{"scan.bounded.mode", "group-offsets", "scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:7;partition:1,offset:7", "properties.group.id", group}, "0.7 1.7 1.8"},
			{[]string{"scan.bounded.mode", "latest-offset", "scan.startup.mode", "group-offsets", "properties.group.id", group}, "0.8 0.9 1.9"},
			{[]string{"scan.bounded.mode", "latest-offset", "scan.startup.mode", "latest-offset"}, ""},
			{[]string{"scan.bounded.mode", "latest-offset", "scan.startup.mode", "group-offsets", "properties.group.id", "none" + group, "properties.auto.offset.reset", "latest"}, ""},
		} {
			s := w.source(w.request(text, append(test.options, "format", "raw")...), false)
			if got := strings.Join(w.all(s), " "); got != test.want {
				t.Errorf("%v gives %q, want %q", test.options, got, test.want)
			}
		}
		s := w.source(w.request(text, "format", "raw", "scan.startup.mode", "group-offsets", "properties.group.id", "none"+group), false)
		if _, err := s.Open(t.Context(), partitionID{w.topic, 0}.split(), nil); !problem.Is(err, problem.NotFound) {
			t.Errorf("a group without offsets: %v", err)
		}
	})
}

// The place where reading began is kept although nothing had come.
func TestLatestIsFixedAtTheStart(t *testing.T) {
	worlds(t, 1, func(w *world) {
		w.put(0, "before")
		s := w.source(w.request(text, "format", "raw", "scan.startup.mode", "latest-offset"), false)
		first := w.open(s, 0, nil)
		at := first.Offset()
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		w.put(0, "between")
		expect(t, w.rows(w.open(s, 0, at), 1), []string{"between"})
	})
}

func TestCompressedBatches(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	worlds(t, 1, func(w *world) {
		var want []string
		// Batches of all codecs and many sizes, one behind the other.
		for round := range 3 {
			for name, codec := range codecs {
				client, err := kgo.NewClient(kgo.SeedBrokers(w.address), kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(w.topic), kgo.ProducerLinger(5*time.Millisecond))
				if err != nil {
					t.Fatal(err)
				}
				var records []*kgo.Record
				for i := range 1 + round*1500 {
					v := fmt.Sprintf("%s %d %d %s", name, round, i, strings.Repeat("x", i%50))
					want = append(want, v)
					records = append(records, kgo.StringRecord(v))
				}
				if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				client.Close()
			}
		}
		expect(t, w.all(w.source(w.request(text, "format", "raw", "scan.bounded.mode", "latest-offset"), false)), want)
		// With a decoder whose blocks are used again.
		columns := []connect.Column{{Name: "o", Type: value.BigIntType, Metadata: "offset"}}
		offsets := w.all(w.source(w.request(columns, "format", "csv", "csv.ignore-parse-errors", "true", "scan.bounded.mode", "latest-offset"), false))
		if len(offsets) != len(want) || offsets[0] != "0" || offsets[len(want)-1] != strconv.Itoa(len(want)-1) {
			t.Errorf("%d offsets, want %d", len(offsets), len(want))
		}
	})
}

// Records of aborted transactions are no rows, and a reader gets over them.
func TestAbortedTransactions(t *testing.T) {
	worlds(t, 1, func(w *world) {
		client, err := kgo.NewClient(kgo.SeedBrokers(w.address), kgo.TransactionalID("x"+w.topic), kgo.DefaultProduceTopic(w.topic))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		var want []string
		for i := range 12 {
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			commits := kgo.TransactionEndTry(i%3 != 1)
			for k := range 1 + i {
				v := fmt.Sprintf("%d.%d", i, k)
				if commits {
					want = append(want, v)
				}
				if err := client.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.EndTransaction(t.Context(), commits); err != nil {
				t.Fatal(err)
			}
		}
		s := w.source(w.request(text, "format", "raw", "scan.bounded.mode", "latest-offset"), false)
		expect(t, w.all(s), want)
		dirty := w.source(w.request(text, "format", "raw", "scan.bounded.mode", "latest-offset", "properties.isolation.level", "read_uncommitted"), false)
		if n := len(w.all(dirty)); n != 78 {
			t.Errorf("%d uncommitted rows, want 78", n)
		}
	})
}

func TestColumns(t *testing.T) {
	columns := []connect.Column{
		{Name: "k_id", Type: value.IntType}, {Name: "name", Type: value.StringType},
		{Name: "p", Type: value.BigIntType, Metadata: "partition"}, {Name: "o", Type: value.BigIntType, Metadata: "offset"},
		{Name: "at", Type: value.TimestampLTZOf(3), Metadata: "timestamp"}, {Name: "kind", Type: value.StringType, Metadata: "timestamp-type"},
		{Name: "h", Type: value.MapOf(value.StringType, value.BytesType), Metadata: "headers"}, {Name: "topic", Type: value.StringType, Metadata: "topic"},
	}
	worlds(t, 2, func(w *world) {
		at := time.UnixMilli(1_700_000_000_123)
		w.putRecords(
			&kgo.Record{Partition: 1, Key: []byte(`{"id":1}`), Value: []byte(`{"name":"a"}`), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("1")}, {Key: "y"}, {Key: "x", Value: []byte("2")}}},
			&kgo.Record{Partition: 1, Value: []byte(`{"name":"no key"}`), Timestamp: at},
			&kgo.Record{Partition: 1, Key: []byte(`{"id":3}`), Timestamp: at}, // says nothing
			&kgo.Record{Partition: 1, Key: []byte(`{"id":4}`), Value: []byte(`{"name":null}`), Timestamp: at},
		)
		s := w.source(w.request(columns, "key.format", "json", "value.format", "json", "key.fields", "k_id", "key.fields-prefix", "k_", "value.fields-include", "EXCEPT_KEY", "scan.bounded.mode", "latest-offset"), false)
		expect(t, w.all(s), []string{
			"1 a 1 0 2023-11-14 22:13:20.123 CreateTime {x=x'32', y=NULL} " + w.topic,
			"NULL no key 1 1 2023-11-14 22:13:20.123 CreateTime {} " + w.topic,
			"4 NULL 1 3 2023-11-14 22:13:20.123 CreateTime {} " + w.topic,
		})
	})
}

func TestChangesAndUpserts(t *testing.T) {
	columns := []connect.Column{{Name: "id", Type: value.IntType.Required()}, {Name: "n", Type: value.IntType}, {Name: "o", Type: value.BigIntType, Metadata: "offset"}}
	worlds(t, 1, func(w *world) {
		w.putRecords(
			&kgo.Record{Key: []byte("1"), Value: []byte(`{"before":null,"after":{"id":1,"n":10},"op":"c"}`)},
			&kgo.Record{Key: []byte("1"), Value: []byte(`{"before":{"id":1,"n":10},"after":{"id":1,"n":11},"op":"u"}`)},
			&kgo.Record{Key: []byte("1"), Value: []byte(`{"before":{"id":1,"n":11},"after":null,"op":"d"}`)},
			&kgo.Record{Key: []byte("1")},
		)
		s := w.source(w.request(columns, "format", "debezium-json", "scan.bounded.mode", "latest-offset"), false)
		expect(t, w.all(s), []string{"+I 1 10 0", "-U 1 10 1", "+U 1 11 1", "-D 1 11 2"})
	})
	worlds(t, 1, func(w *world) {
		w.putRecords(
			&kgo.Record{Key: []byte(`{"id":1}`), Value: []byte(`{"id":1,"n":10}`)},
			&kgo.Record{Key: []byte(`{"id":1}`)},
			&kgo.Record{Key: []byte(`{"id":2}`), Value: []byte(`{"id":2}`)},
		)
		r := w.request(columns, "key.format", "json", "value.format", "json", "scan.bounded.mode", "latest-offset", "scan.startup.mode", "")
		r.PrimaryKey = []int{0}
		expect(t, w.all(w.source(r, true)), []string{"+U 1 10 0", "-D 1 NULL 1", "+U 2 NULL 2"})
		w.put(0, `{"id":3}`)
		reader, err := w.source(r, true).Open(t.Context(), partitionID{w.topic, 0}.split(), place{next: 3, end: 4}.offset())
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		w.read(reader)
		if _, err := reader.Read(t.Context()); !problem.Is(err, problem.InvalidValue) {
			t.Errorf("a record without a key: %v", err)
		}
	})
}

func TestUndecodable(t *testing.T) {
	columns := []connect.Column{{Name: "id", Type: value.IntType}, {Name: "o", Type: value.BigIntType, Metadata: "offset"}}
	worlds(t, 1, func(w *world) {
		w.put(0, `{"id":1}`, `{"id":`, `{"id":3}`)
		s := w.source(w.request(columns, "format", "json"), false)
		r := w.open(s, 0, nil)
		_, err := r.Read(t.Context())
		if p := problem.Of(err); err == nil || !strings.Contains(p.Message, "offset 1 of partition 0 of topic "+w.topic) {
			t.Errorf("a broken record: %v", err)
		}
		tolerant := w.source(w.request(columns, "format", "json", "json.ignore-parse-errors", "true"), false)
		got := w.rows(w.open(tolerant, 0, nil), 2)
		if !slices.Contains(got, "1 0") || !slices.Contains(got, "3 2") {
			t.Errorf("rows %q", got)
		}
	})
}

// What retention has removed is a problem, unless the table says where to go on.
func TestRetention(t *testing.T) {
	worlds(t, 1, func(w *world) {
		for i := range 10 {
			w.put(0, strconv.Itoa(i))
		}
		cut := kadm.Offsets{}
		cut.AddOffset(w.topic, 0, 6, -1)
		if _, err := kadm.NewClient(w.client).DeleteRecords(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		from := place{next: 2, end: unbounded}.offset()
		r := w.open(w.source(w.request(text, "format", "raw"), false), 0, from)
		if _, err := r.Read(t.Context()); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "offsets 2 to 5") {
			t.Errorf("removed offsets: %v", err)
		}
		on := w.open(w.source(w.request(text, "format", "raw", "properties.auto.offset.reset", "earliest"), false), 0, from)
		expect(t, w.rows(on, 4), []string{"6", "7", "8", "9"})
		last := w.open(w.source(w.request(text, "format", "raw", "properties.auto.offset.reset", "latest"), false), 0, from)
		if b := w.open(w.source(w.request(text, "format", "raw"), false), 0, place{next: 40, end: unbounded}.offset()); b != nil {
			if _, err := b.Read(t.Context()); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "ends at offset 10") {
				t.Errorf("an offset behind the end: %v", err)
			}
		}
		done := make(chan []string)
		go func() { done <- w.rows(last, 1) }()
		for last.(*reader).at.Load() < 10 { // it has looked for the end
			time.Sleep(time.Millisecond)
		}
		w.put(0, "new")
		expect(t, <-done, []string{"new"})
	})
}

// Partitions that are added are found, and read from their first record.
func TestDiscovery(t *testing.T) {
	worlds(t, 1, func(w *world) {
		s := w.source(w.request(text, "format", "raw", "scan.startup.mode", "latest-offset", "scan.topic-partition-discovery.interval", "20 ms"), false)
		known, err := s.Splits(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := make(chan error, 1)
		go func() { found <- s.Discover(t.Context(), known) }()
		if _, err := kadm.NewClient(w.client).CreatePartitions(t.Context(), 1, w.topic); err != nil {
			t.Fatal(err)
		}
		if err := <-found; err != nil {
			t.Fatal(err)
		}
		w.client.ForceMetadataRefresh()
		if err := untilFree(t.Context(), func() error {
			return w.client.ProduceSync(t.Context(), &kgo.Record{Topic: w.topic, Partition: 1, Value: []byte("first")}).FirstErr()
		}); err != nil {
			t.Fatal(err)
		}
		r, err := s.OpenFound(t.Context(), partitionID{w.topic, 1}.split())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		expect(t, w.rows(r, 1), []string{"first"})
	})
}

// A reader that does not come does not hold up the others, and all go on after
// the broker has refused for a while.
func TestFetchFaults(t *testing.T) {
	w := fakeWorld(t, 2)
	s := w.source(w.request(text, "format", "raw"), false)
	slow := w.open(s, 0, nil)
	quick := w.open(s, 1, nil)
	w.put(0, "slow 1")
	w.put(0, "slow 2")
	var refused atomic.Int64
	w.fake.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if refused.Add(1) > 3 {
			return nil, nil, false
		}
		w.fake.KeepControl()
		return nil, errors.New("the connection is cut"), true
	})
	for i := range 20 {
		w.put(1, strconv.Itoa(i))
		expect(t, w.rows(quick, 1), []string{strconv.Itoa(i)})
	}
	expect(t, w.rows(slow, 2), []string{"slow 1", "slow 2"})
	if n := refused.Load(); n < 3 {
		t.Errorf("the broker has refused %d times", n)
	}
	if rows, age := quick.(connect.Lagger).Lag(); rows != 0 || age != 0 {
		t.Errorf("lag %d rows, %s", rows, age)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := quick.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled read: %v", err)
	}
}

// A topic that was made anew is not taken for the old one.
func TestTopicMadeAnew(t *testing.T) {
	w := fakeWorld(t, 1)
	w.put(0, "old")
	s := w.source(w.request(text, "format", "raw"), false)
	r := w.open(s, 0, nil)
	w.rows(r, 1)
	at := r.Offset()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(w.client)
	if _, err := admin.DeleteTopic(t.Context(), w.topic); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Splits(t.Context()); !problem.Is(err, problem.NotFound) {
		t.Errorf("splits of a topic that is gone: %v", err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, w.topic); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), partitionID{w.topic, 0}.split(), at); !problem.Is(err, problem.Conflict) {
		t.Errorf("the old offset in the new topic: %v", err)
	}
}

// The group shows how far epochs are.
func TestGroupFollows(t *testing.T) {
	worlds(t, 1, func(w *world) {
		w.put(0, "a", "b", "c")
		group := "g" + w.topic
		s := w.source(w.request(text, "format", "raw", "properties.group.id", group), false)
		r := w.open(s, 0, nil)
		w.rows(r, 3)
		r.(connect.Follower).Applied(r.Offset())
		if err := r.Close(); err != nil { // commits what is left
			t.Fatal(err)
		}
		c := cluster{client: w.client}
		at, _, err := c.groupOffset(t.Context(), group, partitionID{w.topic, 0}, true)
		if err != nil || at != 3 {
			t.Errorf("the group is at %d, %v", at, err)
		}
	})
}

func TestUnreachable(t *testing.T) {
	c := cluster{servers: []string{"a:1"}}
	if p := problem.Of(c.unreachable("read", kerr.TopicAuthorizationFailed)); p.Retry != problem.Never {
		t.Errorf("a refusal is tried again: %v", p)
	}
	if p := problem.Of(c.unreachable("read", errors.New("cut"))); p.Retry == problem.Never {
		t.Errorf("a cut is not tried again: %v", p)
	}
}
