package failover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/test/cluster"
)

// site is a place where events are kept, over all its deaths.
type site interface {
	address() string
	kill()
	start()
}

// newSite makes a site that runs and has the topic.
func newSite(t testing.TB, kind string) site {
	t.Helper()
	var made site
	switch kind {
	case "fake":
		made = &fakeSite{t: t, dir: t.TempDir(), port: freePort(t)}
	case "kafka":
		dir := t.TempDir()
		broker, err := cluster.NewBroker(dir)
		if err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
		made = &kafkaSite{t: t, broker: broker}
	case "tidemark":
		s := &server{t: t, program: program(t), dir: t.TempDir(), http: fmt.Sprintf("127.0.0.1:%d", freePort(t)), kafka: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
		s.start()
		s.define(fmt.Sprintf("CREATE TABLE clicks (id BIGINT, v BIGINT, ts TIMESTAMP_LTZ(3)) WITH ('partitions' = '%d', 'stored' = 'false')", partitions))
		t.Cleanup(s.kill)
		return tidemarkSite{s}
	default:
		t.Fatalf("SITES is %q: use fake, kafka or tidemark", kind)
	}
	made.start()
	t.Cleanup(made.kill)
	client, err := kgo.NewClient(kgo.SeedBrokers(made.address()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, "clicks"); err != nil {
		t.Fatal(err)
	}
	return made
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// fakeSite is a fake broker that keeps its records in a folder.
type fakeSite struct {
	t       testing.TB
	dir     string
	port    int
	running *kfake.Cluster
}

func (s *fakeSite) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *fakeSite) start() {
	s.t.Helper()
	var err error
	if s.running, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(s.port), kfake.DataDir(s.dir)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fakeSite) kill() {
	if s.running != nil {
		s.running.Close()
		s.running = nil
	}
}

// kafkaSite is a real broker.
type kafkaSite struct {
	t      testing.TB
	broker *cluster.Broker
}

func (s *kafkaSite) address() string { return s.broker.Address() }

func (s *kafkaSite) start() {
	s.t.Helper()
	if err := s.broker.Start(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *kafkaSite) kill() {
	if err := s.broker.Kill(); err != nil {
		s.t.Error(err)
	}
}

// tidemarkSite is the Kafka door of another Tidemark.
type tidemarkSite struct{ server *server }

func (s tidemarkSite) address() string { return s.server.kafka }
func (s tidemarkSite) start()          { s.server.start() }
func (s tidemarkSite) kill()           { s.server.kill() }

// event is what is sent.
type event struct {
	id, v int
	at    time.Time
}

func (e event) record() *kgo.Record {
	return &kgo.Record{
		Topic: "clicks", Partition: int32(e.id % partitions), Timestamp: e.at,
		Value: fmt.Appendf(nil, `{"id":%d,"v":%d,"ts":"%s"}`, e.id, e.v, e.at.UTC().Format("2006-01-02T15:04:05.000Z")),
	}
}

// stream sends events to the primary while it lives, and otherwise to the standby,
// and copies them from the one to the other. It stands for producers and for what
// mirrors the sites.
type stream struct {
	t       testing.TB
	a, b    site
	clients [2]*kgo.Client
	ticks   *time.Ticker
	ended   chan struct{}
	all     sync.WaitGroup

	mu       sync.Mutex
	events   []event
	losing   bool
	lost     []event // acknowledged by the primary alone
	down     bool
	owed     []event // to the primary
	repeated int
	random   *rand.Rand
}

func newStream(t testing.TB, a, b site, rate int) *stream {
	t.Helper()
	s := &stream{t: t, a: a, b: b, ended: make(chan struct{}), random: rand.New(rand.NewPCG(1, 2))}
	for i, at := range []site{a, b} {
		var err error
		s.clients[i], err = kgo.NewClient(kgo.SeedBrokers(at.address()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(-1), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.clients[i].Close)
	}
	const tick = 20 * time.Millisecond
	each := max(rate*int(tick)/int(time.Second), 1)
	s.ticks = time.NewTicker(tick)
	s.all.Go(func() {
		for {
			select {
			case <-s.ticks.C:
				s.send(each)
			case <-s.ended:
				return
			}
		}
	})
	return s
}

// send sends some events, 5 % of them twice.
func (s *stream) send(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Truncate(time.Millisecond)
	var some, copies []event
	for range n {
		e := event{id: len(s.events), v: len(s.events) % 97, at: now}
		s.events = append(s.events, e)
		some = append(some, e)
		if s.losing && e.id%50 == 0 {
			s.lost = append(s.lost, e)
			continue
		}
		copies = append(copies, e)
	}
	if s.down {
		s.owed = append(s.owed, some...)
	} else {
		s.put(0, s.twice(some))
	}
	s.put(1, s.twice(copies))
}

func (s *stream) twice(events []event) []event {
	all := slices.Clone(events)
	for _, e := range events {
		if s.random.IntN(20) == 0 {
			all = append(all, e)
			s.repeated++
		}
	}
	return all
}

// put sends events to a site and waits until they are there.
func (s *stream) put(site int, events []event) {
	records := make([]*kgo.Record, len(events))
	for i, e := range events {
		records[i] = e.record()
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleMax)
	defer cancel()
	if err := s.clients[site].ProduceSync(ctx, records...).FirstErr(); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		s.t.Errorf("send to site %d: %v", site, err)
	}
}

// loseSecond keeps 2 % of what comes from now on from being copied.
func (s *stream) loseSecond() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losing = true
}

// loses waits until some more events are lost.
func (s *stream) loses(more int) {
	lost := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.lost)
	}
	for until := lost() + more; lost() < until; {
		time.Sleep(pause)
	}
}

func (s *stream) killPrimary() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.a.kill()
	s.down, s.losing = true, false
}

// revivePrimaryAlone brings the primary back with what it had.
func (s *stream) revivePrimaryAlone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.a.start()
}

// copyRest brings to each site what it does not have.
func (s *stream) copyRest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(0, s.twice(s.owed))
	s.put(1, s.lost)
	s.owed, s.down = nil, false
}

func (s *stream) stop() {
	s.mu.Lock()
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
	s.mu.Unlock()
	s.all.Wait()
	s.ticks.Stop()
}

func (s *stream) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// perSecond is what the window table holds of the seconds that are surely final:
// all but the last five.
func (s *stream) perSecond() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts, totals := map[time.Time]int{}, map[time.Time]int{}
	last := s.events[len(s.events)-1].at.Add(-5 * time.Second)
	for _, e := range s.events {
		if second := e.at.Truncate(time.Second).UTC(); second.Before(last) {
			counts[second]++
			totals[second] += e.v
		}
	}
	var rows []string
	for second, n := range counts {
		rows = append(rows, second.Format("2006-01-02T15:04:05")+" "+strconv.Itoa(n)+" "+strconv.Itoa(totals[second]))
	}
	slices.Sort(rows)
	return rows
}
