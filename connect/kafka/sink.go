package kafka

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/problem"
	"tidemark/connect"
)

// sink writes the epochs of a job to a topic.
type sink struct {
	request     connect.Request
	properties  properties
	topic       string
	writing     *writing
	partitioner *partitioner
	exactly     *transactions // nil when epochs may come twice
	mu          sync.Mutex    // held by everything but Warning
	producer    *kgo.Client   // nil until it is needed
	mark        connect.Mark  // of the newest epoch that was written
	closed      bool
}

var (
	_ connect.Resumer = (*sink)(nil)
	_ connect.Warner  = (*sink)(nil)
)

func newSink(r connect.Request, upsert bool) (*sink, error) {
	s := &sink{request: r}
	var err error
	if s.properties, err = readProperties(r); err != nil {
		return nil, err
	}
	topics := splitTopics(r.Options[optTopic])
	if len(topics) != 1 || r.Options[optPattern] != "" {
		return nil, invalid(optTopic, "table %s cannot be written: it is about several topics", r.Table).WithHint("declare a table with one 'topic'")
	}
	s.topic = topics[0]
	l, err := newLayout(r, upsert)
	if err != nil {
		return nil, err
	}
	if s.writing, err = newWriting(r, l); err != nil {
		return nil, err
	}
	if s.partitioner, err = newPartitioner(r.Options[optPartitioner], s.topic); err != nil {
		return nil, err
	}
	if r.Options[optGuarantee] == "exactly-once" {
		s.exactly, err = newTransactions(r, s.topic)
	}
	return s, err
}

// Warning says when a partition of the topic gets nothing.
func (s *sink) Warning() *problem.Problem { return s.partitioner.warning() }

// Resume refuses to go on from where Kafka has something else. It changes nothing
// there: whoever writes under this name goes on.
func (s *sink) Resume(ctx context.Context, standing connect.Standing) error {
	if s.exactly == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	client, err := kgo.NewClient(s.properties.clientOptions()...)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	return s.exactly.resume(ctx, cluster{client: client, servers: s.properties.servers}, standing)
}

// Committed is the epoch that Kafka has. From then on nobody else can write
// under the sink's name.
func (s *sink) Committed(ctx context.Context) (connect.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exactly == nil {
		return s.mark.Epoch, nil
	}
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	if !s.exactly.standing.Fits(s.mark) { // committed since Resume
		return 0, s.exactly.overtaken(s.mark, s.exactly.standing.Newest)
	}
	return s.mark.Epoch, nil
}

// Mark is the marker, which Kafka keeps for those that write exactly once.
func (s *sink) Mark() (m connect.Mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exactly != nil {
		m = s.mark
	}
	return m
}

// take connects the producer, which ends all others of its name together with
// their transactions, and reads the marker.
func (s *sink) take(ctx context.Context) error {
	s.release()
	marker, err := s.exactly.take(ctx, s)
	if err != nil {
		s.release()
		return err
	}
	s.mark = marker
	return nil
}

// connect makes the producer.
func (s *sink) connect(more ...kgo.Opt) error {
	options := append(s.properties.clientOptions(), s.properties.producing...)
	options = append(options,
		kgo.DefaultProduceTopic(s.topic), kgo.RecordPartitioner(s.partitioner), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.MetadataMaxAge(metadataAgeMax))
	producer, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		return invalid("properties.bootstrap.servers", "the Kafka client refuses its properties: %v", err)
	}
	s.producer = producer
	return nil
}

func (s *sink) release() {
	if s.producer != nil {
		s.producer.Close()
		s.producer = nil
	}
}

func (s *sink) cluster() cluster { return cluster{client: s.producer, servers: s.properties.servers} }

// Apply writes an epoch.
func (s *sink) Apply(ctx context.Context, commit connect.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("apply epoch %d: %w", commit.Epoch, fs.ErrClosed)
	}
	if err := s.writing.announce(ctx); err != nil {
		return err
	}
	records, err := s.writing.records(commit.Batches)
	if err != nil {
		return err
	}
	switch {
	case len(records) == 0:
		// A transaction without records cannot be ended by the client; the marker
		// moves with the next epoch that has some.
		if s.exactly != nil {
			return s.exactly.refresh(ctx, s)
		}
		return nil
	case s.exactly != nil:
		err = s.exactly.apply(ctx, s, commit)
	default:
		err = s.send(ctx, records)
	}
	s.partitioner.look()
	s.partitioner.nextTurn()
	if err == nil {
		s.mark = connect.Mark{Epoch: commit.Epoch, Origin: commit.Origin}
	}
	return err
}

// send produces records without a transaction, and waits until the brokers have
// them.
func (s *sink) send(ctx context.Context, records []*kgo.Record) error {
	if s.producer == nil {
		if err := s.connect(); err != nil {
			return err
		}
	}
	if err := s.produce(ctx, records); err != nil {
		s.release()
		c := cluster{servers: s.properties.servers}
		return c.unreachable("write to topic "+s.topic, err)
	}
	return nil
}

// produce sends records in their order and waits for all of them. The client's
// own limit counts from a record's timestamp, which may be anything here.
func (s *sink) produce(ctx context.Context, records []*kgo.Record) error {
	ctx, cancel := context.WithTimeout(ctx, unreachableMax)
	defer cancel()
	var first struct {
		sync.Mutex
		err error
	}
	for _, r := range records {
		s.producer.Produce(ctx, r, func(_ *kgo.Record, err error) {
			first.Lock()
			defer first.Unlock()
			if first.err == nil {
				first.err = err
			}
		})
	}
	err := s.producer.Flush(ctx)
	first.Lock()
	defer first.Unlock()
	if first.err != nil {
		return first.err
	}
	return err
}

// Close ends the sink.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.release()
	return nil
}
