package kafka

import (
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/problem"
)

const (
	// turnRecords is how many records without a key go to a partition before it is
	// the next one's turn: enough for a batch worth sending.
	turnRecords = 256
	// balanceRecords is how many records a partition is sent on the average before
	// it is looked whether one got none.
	balanceRecords = 1000
)

// partitioner deals records out to the partitions of a topic, and watches that
// each gets some: a partition that starves while its siblings are fed usually
// means that the consumers behind it wait for nothing.
type partitioner struct {
	kind  string // default, round-robin or fixed
	keyed kgo.TopicPartitioner
	mu    struct {
		sync.Mutex
		sent    []int64 // by partition, since the last look
		total   int64
		current int // the partition whose turn it is
		taken   int // records of its turn
		warning *problem.Problem
	}
	topic string
}

// newPartitioner reads sink.partitioner.
func newPartitioner(kind, topic string) (*partitioner, error) {
	switch kind {
	case "":
		kind = "default"
	case "default", "round-robin", "fixed":
	default:
		return nil, problem.New(problem.Unsupported, "the partitioner %q is not built", kind).About(optPartitioner).WithHint("use default, round-robin or fixed")
	}
	return &partitioner{kind: kind, topic: topic, keyed: kgo.StickyKeyPartitioner(nil).ForTopic(topic)}, nil
}

// ForTopic is for the client; all records are of one topic.
func (p *partitioner) ForTopic(string) kgo.TopicPartitioner { return p }

// RequiresConsistency is true: a partition whose leader is away waits, so that
// what belongs together stays in order.
func (p *partitioner) RequiresConsistency(*kgo.Record) bool { return true }

// Partition chooses among n partitions, those added a moment ago included.
func (p *partitioner) Partition(r *kgo.Record, n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen := 0
	switch {
	case p.kind == "fixed":
	case p.kind == "default" && r.Key != nil:
		chosen = p.keyed.Partition(r, n)
	default:
		most := turnRecords
		if p.kind == "round-robin" {
			most = 1
		}
		if p.mu.taken++; p.mu.taken > most {
			p.mu.current, p.mu.taken = p.mu.current+1, 1
		}
		p.mu.current %= n
		chosen = p.mu.current
	}
	if len(p.mu.sent) != n {
		p.mu.sent, p.mu.total = make([]int64, n), 0 // a look counts only what all could get
	}
	p.mu.sent[chosen]++
	p.mu.total++
	return chosen
}

// nextTurn ends the turn of a partition, so that a few records an epoch reach all
// of them too.
func (p *partitioner) nextTurn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.taken > 0 {
		p.mu.current, p.mu.taken = p.mu.current+1, 0
	}
}

// look finds the partitions that got nothing, once enough was sent.
func (p *partitioner) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.mu.sent)
	if n < 2 || p.mu.total < int64(n)*balanceRecords {
		return
	}
	var starved []string
	for partition, sent := range p.mu.sent {
		if sent == 0 {
			starved = append(starved, strconv.Itoa(partition))
		}
	}
	p.mu.warning = nil
	if len(starved) > 0 {
		p.mu.warning = problem.New(problem.Conflict, "of the last %d records for topic %s, none went to partition %s of %d", p.mu.total, p.topic, strings.Join(starved, ", "), n).About(optPartitioner).
			WithHint("too few different keys, or 'sink.partitioner' = 'fixed': whoever reads these partitions alone waits for nothing")
	}
	clear(p.mu.sent)
	p.mu.total = 0
}

// warning is what the last look has found.
func (p *partitioner) warning() *problem.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.warning
}
