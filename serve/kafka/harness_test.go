package kafka

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/telemetry"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/store/eventlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// columns are those of every table of the tests; id is the primary key of those
// that have one.
var columns = []value.Field{{Name: "id", Type: value.BigIntType.Required()}, {Name: "name", Type: value.StringType}}

// stand is a door over an event log, with the tables clicks (two partitions),
// users (keyed) and orders (keyed, values as Debezium sends them).
type stand struct {
	t        testing.TB
	files    vfs.FS
	address  string
	listener net.Listener
	dir      string
	log      *eventlog.Log
	door     *Door
	served   sync.WaitGroup
	said     *lockedBuffer
	change   func(*Config) // may be nil
	mu       struct {
		sync.Mutex
		intakes map[string]*native.Intake
	}
}

// lockedBuffer takes what is logged.
type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func newStand(t testing.TB, change func(*Config)) *stand {
	t.Helper()
	s := &stand{t: t, files: vfs.NewMem(), dir: "/data/log", said: &lockedBuffer{}, change: change}
	s.start("127.0.0.1:0")
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Log(s.said.String())
		}
	})
	return s
}

// start opens the log and the door at an address.
func (s *stand) start(address string) {
	s.t.Helper()
	var err error
	if s.log, err = eventlog.Open(s.files, s.dir, eventlog.Options{}); err != nil {
		s.t.Fatal(err)
	}
	s.mu.intakes = map[string]*native.Intake{}
	s.table("clicks", 2, nil, "")
	s.table("users", 1, []int{0}, "json")
	s.table("orders", 1, []int{0}, "debezium-json")
	config := Config{
		Log: s.log, Telemetry: telemetry.New(), Logger: slog.New(slog.NewTextHandler(s.said, nil)),
		Tables: func() []string { return []string{"clicks", "orders", "users"} },
		Intake: func(name string) (*native.Intake, bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			in, ok := s.mu.intakes[name]
			return in, ok
		},
	}
	if s.change != nil {
		s.change(&config)
	}
	if s.door, err = New(config); err != nil {
		s.t.Fatal(err)
	}
	if s.listener, err = net.Listen("tcp", address); err != nil {
		s.t.Fatal(err)
	}
	s.address = s.listener.Addr().String()
	door, listener := s.door, s.listener
	s.served.Go(func() { _ = door.Serve(listener) })
}

func (s *stand) table(name string, partitions int, key []int, format string) {
	s.t.Helper()
	topic := func(name string, partitions int) *eventlog.Topic {
		topic, err := s.log.Topic(name)
		if err != nil {
			if topic, err = s.log.CreateTopic(name, partitions); err != nil {
				s.t.Fatal(err)
			}
		}
		return topic
	}
	in := native.NewIntake(topic(name, partitions), topic(name+"$quarantine", 1), columns)
	if err := in.TakeRecords(key, map[string]string{"value.format": format}); err != nil {
		s.t.Fatal(err)
	}
	s.mu.intakes[name] = in
}

func (s *stand) stop() {
	s.door.Close()
	s.served.Wait()
	if err := s.log.Close(); err != nil {
		s.t.Error(err)
	}
}

// crash ends everything as a crash of the machine would, and starts again at the
// same address. Clients are cut off first: nobody is told of what is lost.
func (s *stand) crash() {
	_ = s.listener.Close()
	s.door.mu.Lock()
	for c := range s.door.mu.connections {
		_ = c.Close()
	}
	s.door.mu.Unlock()
	after := s.files.(*vfs.Mem).CrashClone(vfs.LoseAll)
	s.stop()
	s.files = after
	s.start(s.address)
}

func (s *stand) client(options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.address), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond })}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// rows are what jobs read of a table, its partitions one after the other.
func (s *stand) rows(table string, key []int, wanted ...connect.Column) []string {
	s.t.Helper()
	topic, err := s.log.Topic(table)
	if err != nil {
		s.t.Fatal(err)
	}
	if wanted == nil {
		wanted = []connect.Column{{Name: "id", Type: columns[0].Type}, {Name: "name", Type: columns[1].Type}}
	}
	source, err := native.NewSource(topic, connect.Request{Bounded: true, Columns: wanted, PrimaryKey: key})
	if err != nil {
		s.t.Fatal(err)
	}
	splits, err := source.Splits(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	all := []string{}
	for _, split := range splits {
		r, err := source.Open(s.t.Context(), split, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		for {
			b, err := r.Read(s.t.Context())
			if err != nil {
				break
			}
			b.Each(func(i int) {
				cells := []string{}
				for _, v := range b.Row(i) {
					cells = append(cells, fmt.Sprint(v))
				}
				text := strings.Join(cells, "|")
				if b.Kind(i) != batch.Insert {
					text = b.Kind(i).String() + " " + text
				}
				all = append(all, text)
			})
		}
		if err := r.Close(); err != nil {
			s.t.Error(err)
		}
	}
	return all
}

func record(topic string, partition int32, key, value string) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
	if key != "" {
		r.Key = []byte(key)
	}
	return r
}

func produce(t testing.TB, c *kgo.Client, records ...*kgo.Record) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	results := c.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		t.Fatal(err)
	}
	var all []*kgo.Record
	for _, r := range results {
		all = append(all, r.Record)
	}
	return all
}

// consume reads until there are as many records.
func consume(t testing.TB, c *kgo.Client, count int) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < count {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(all), count, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}
