package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
	"tidemark/connect"
)

const (
	// metadataAgeMax is after how long a sink sees a partition that was added.
	metadataAgeMax = 30 * time.Second
	// attemptsMax is how often an epoch is tried when its transaction breaks, with
	// growing pauses; then the job begins anew.
	attemptsMax = 5
	busyPause   = 20 * time.Millisecond
	busyMax     = 30 * time.Second // for a coordinator that still ends the last transaction
	// markerAgeMax is after how long a marker is written again although nothing
	// happened: brokers forget offsets of groups without members after seven days.
	markerAgeMax = 12 * time.Hour
)

// transactions makes the epochs of a sink come exactly once.
//
// The newest epoch is the marker: its number is a committed offset of partition 0
// of the sink's topic, in a group that is the sink's alone, and the note beside it
// says its origin. An epoch's records and its marker are one transaction. Whoever
// starts takes the transactional id, by which the transaction of an earlier
// instance is ended one way or the other, and then reads the marker: what is behind
// it was not committed and is sent again out of the job's outbox. A marker that the
// job does not remember is of an instance on a copy of its state, which has gone on
// with rows of its own, perhaps under the same number: the job must not go on.
type transactions struct {
	id, group string
	topic     string
	missing   string // sink.missing-marker
	job       string
	standing  connect.Standing // of the job, at Resume
	written   time.Time        // when the marker was, as far as this process knows
	topicID   [16]byte
	// stop makes tests end an attempt at a point.
	stop func(point string) error
}

// newTransactions names the transactions of a job's sink.
func newTransactions(r connect.Request, topic string) (*transactions, error) {
	if r.Job == "" {
		return nil, problem.New(problem.InvalidOption, "a sink without a job cannot write exactly once").About(optGuarantee)
	}
	name := r.Job
	if prefix := r.Options[optTransactional]; prefix != "" {
		name = prefix + "-" + name
	}
	t := &transactions{id: "tidemark-" + name, group: "tidemark-sink-" + name, topic: topic, missing: r.Options[optMissingMarker], job: r.Job}
	t.stop = func(string) error { return nil }
	return t, nil
}

// resume looks whether the marker fits the job, and disturbs nobody.
func (t *transactions) resume(ctx context.Context, c cluster, standing connect.Standing) error {
	t.standing = standing
	marker, known, err := t.marker(ctx, c, false)
	switch {
	case err != nil:
		return err
	case !known && standing.Newest.Epoch > 0 && t.missing != "resend" && t.missing != "skip":
		return problem.New(problem.Conflict, "Kafka has forgotten which epoch of job %s it has: group %s has no offset", t.job, t.group).About(optMissingMarker).
			WithHint("brokers forget after offsets.retention.minutes; look at the last records of topic %s and set 'sink.missing-marker' = 'resend' (the last epochs may come twice) or 'skip' (they may be missing)", t.topic)
	case known && !standing.Fits(marker):
		return t.overtaken(marker, standing.Newest)
	}
	return nil
}

func (t *transactions) overtaken(marker, own connect.Mark) error {
	what := fmt.Sprintf("and the job's state ends at %d", own.Epoch)
	if marker.Epoch <= own.Epoch {
		what = "which this state of the job did not make"
	}
	return problem.New(problem.Conflict, "topic %s has epoch %d of job %s, %s: another instance has gone on", t.topic, marker.Epoch, t.job, what).
		WithHint("end one of the two instances; give the sink another 'sink.transactional-id-prefix' if both are wanted")
}

// marker reads the newest epoch that was committed. Only who has taken the
// transactional id can wait for it to be stable: the transaction of an instance
// that is gone stays open until then.
func (t *transactions) marker(ctx context.Context, c cluster, stable bool) (marker connect.Mark, known bool, err error) {
	at, note, err := c.groupOffset(ctx, t.group, partitionID{t.topic, 0}, stable)
	if err != nil || at < 0 {
		return marker, false, err
	}
	return connect.Mark{Epoch: connect.Epoch(at), Origin: originOf(note)}, true, nil
}

// note is what stands beside a marker, for people and for originOf.
func (t *transactions) note(o connect.Origin) string {
	return hex.EncodeToString(o[:]) + " is the newest epoch of tidemark job " + t.job
}

// originOf reads the origin out of a note; it is zero when the note has none.
func originOf(note string) (o connect.Origin) {
	first, _, _ := strings.Cut(note, " ")
	if named, err := hex.DecodeString(first); err == nil && len(named) == len(o) {
		copy(o[:], named)
	}
	return o
}

// take makes the sink's producer the only one of its name, and reads the marker.
func (t *transactions) take(ctx context.Context, s *sink) (marker connect.Mark, err error) {
	if err := t.claim(ctx, s); err != nil {
		return marker, err
	}
	marker, known, err := t.marker(ctx, s.cluster(), true)
	if err != nil {
		return marker, err
	}
	switch {
	case known:
	case !t.written.IsZero():
		marker = s.mark // this process wrote it, and nobody else could
	case t.missing == "skip":
		marker = t.standing.Newest
	}
	if !known || time.Since(t.written) > markerAgeMax {
		// Written now: a marker that is missing later is one that was forgotten.
		if err := t.markOnly(ctx, s, marker); err != nil {
			return marker, err
		}
		if err := t.claim(ctx, s); err != nil {
			return marker, err
		}
	}
	return marker, nil
}

// refresh writes an old marker again, in an epoch that has nothing to write.
func (t *transactions) refresh(ctx context.Context, s *sink) error {
	if s.producer == nil || time.Since(t.written) < markerAgeMax {
		return nil
	}
	before := s.mark
	if err := s.take(ctx); err != nil {
		return err
	}
	if s.mark != before {
		return t.overtaken(s.mark, before)
	}
	return nil
}

// claim connects the producer and takes the transactional id.
func (t *transactions) claim(ctx context.Context, s *sink) error {
	s.release()
	if err := s.connect(kgo.TransactionalID(t.id), kgo.TransactionTimeout(s.properties.transactionTimeout)); err != nil {
		return err
	}
	c := s.cluster()
	if _, _, err := s.producer.ProducerID(ctx); err != nil {
		return c.unreachable("take the transactional id "+t.id, err)
	}
	found, err := c.leaders(ctx, []string{t.topic})
	if err != nil {
		return err
	}
	leader, ok := found[partitionID{t.topic, 0}]
	if !ok {
		return problem.New(problem.NotFound, "Kafka has no topic %q", t.topic).About(optTopic).WithHint("create it, or correct 'topic' of table %s", s.request.Table).Retryable()
	}
	t.topicID = leader.topicID
	return nil
}

// apply writes an epoch in one transaction. When that breaks it asks what became
// of it and tries again, unless somebody else has taken the sink over.
func (t *transactions) apply(ctx context.Context, s *sink, commit connect.Commit) error {
	var broken error
	mark := connect.Mark{Epoch: commit.Epoch, Origin: commit.Origin}
	for attempt := range attemptsMax {
		before := s.mark
		if s.producer == nil {
			if err := s.take(ctx); err != nil {
				return err
			}
		}
		switch {
		case s.mark == mark:
			return nil // what looked broken was committed
		case s.mark != before:
			return t.overtaken(s.mark, mark)
		}
		records, err := s.writing.records(commit.Batches) // new ones: the client keeps those it was given
		if err != nil {
			return err
		}
		if broken = t.transact(ctx, s, mark, records); broken == nil {
			t.written = time.Now()
			return nil
		}
		s.release()
		if isFenced(broken) {
			return problem.New(problem.Conflict, "another instance writes as %s: %v", t.id, broken).Retryable().
				WithHint("end one of the two instances; or the transaction took longer than properties.transaction.timeout.ms")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		timer := time.NewTimer(backoff << attempt)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	c := cluster{servers: s.properties.servers}
	return c.unreachable(fmt.Sprintf("write epoch %d to topic %s", commit.Epoch, t.topic), broken)
}

// isFenced reports whether a producer with a newer claim exists. Brokers tell
// that in several ways, by version and by what was asked.
func isFenced(err error) bool {
	for _, one := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.FencedInstanceID} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// Points of a transaction at which tests end it.
const (
	afterProduce = "after produce"
	afterMarker  = "after marker"
	afterCommit  = "after commit"
)

// transact writes records and marker.
func (t *transactions) transact(ctx context.Context, s *sink, mark connect.Mark, records []*kgo.Record) error {
	if err := s.producer.BeginTransaction(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := s.produce(ctx, records); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	if err := t.stop(afterProduce); err != nil {
		return err
	}
	if err := t.mark(ctx, s.producer, mark); err != nil {
		return err
	}
	if err := t.stop(afterMarker); err != nil {
		return err
	}
	if err := s.producer.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit the transaction: %w", err)
	}
	if err := t.stop(afterCommit); err != nil {
		return err
	}
	// The client ends a transaction of which it believes that no record was taken
	// by aborting it, and calls that a success: only the marker is to be believed.
	marker, _, err := t.marker(ctx, s.cluster(), true)
	if err != nil {
		return err
	}
	if marker != mark {
		return fmt.Errorf("the transaction was ended, and the marker says %d", marker.Epoch)
	}
	return nil
}

// mark adds the marker to the transaction under way. The client knows offsets in
// transactions only of groups that it is a member of, so these are requests of
// our own. Brokers give a producer a new epoch with every transaction, so that it
// must be asked for each time.
func (t *transactions) mark(ctx context.Context, client *kgo.Client, mark connect.Mark) error {
	producer, generation, err := client.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("read the producer id: %w", err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = t.id, producer, generation, t.group
	if err := untilFree(ctx, func() error {
		added, err := add.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(added.ErrorCode)
	}); err != nil {
		return fmt.Errorf("add the marker's group to the transaction: %w", err)
	}
	offset := kmsg.NewPtrTxnOffsetCommitRequest()
	offset.TransactionalID, offset.ProducerID, offset.ProducerEpoch, offset.Group, offset.Generation = t.id, producer, generation, t.group, -1
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = t.topic, t.topicID
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	note := t.note(mark.Origin)
	partition.Offset, partition.Metadata = int64(mark.Epoch), &note
	topic.Partitions = append(topic.Partitions, partition)
	offset.Topics = append(offset.Topics, topic)
	if err := untilFree(ctx, func() error {
		answer, err := offset.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		for _, topic := range answer.Topics {
			for _, p := range topic.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("write the marker: %w", err)
	}
	return nil
}

// markOnly writes the marker in a transaction of its own. The client would not
// end one that has no records, so it is ended by hand, after which the client's
// idea of its producer is wrong: it must be claimed anew.
func (t *transactions) markOnly(ctx context.Context, s *sink, mark connect.Mark) error {
	producer, generation, err := s.producer.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("read the producer id: %w", err)
	}
	c := s.cluster()
	if err := t.mark(ctx, s.producer, mark); err != nil {
		return c.unreachable("write the marker of "+t.group, err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = t.id, producer, generation, true
	if err := untilFree(ctx, func() error {
		ended, err := end.RequestWith(ctx, s.producer)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(ended.ErrorCode)
	}); err != nil {
		return c.unreachable("write the marker of "+t.group, err)
	}
	t.written = time.Now()
	return nil
}

// untilFree repeats a request while the coordinator is busy with the transaction
// before, on its way to another broker, or just being made.
func untilFree(ctx context.Context, request func() error) error {
	begin := time.Now()
	for {
		err := request()
		if err == nil || !errors.Is(err, kerr.ConcurrentTransactions) && !kerr.IsRetriable(err) || time.Since(begin) > busyMax {
			return err
		}
		timer := time.NewTimer(busyPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
