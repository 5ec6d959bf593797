package kafka

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
)

// fetcher reads partitions for the readers of a source. Each broker is asked by a
// goroutine of its own, with one request for all partitions that it leads and
// whose last answer has been taken; so a broker answers one while another is
// being decoded, and a reader that does not come holds up nobody else.
//
// It lives as long as somebody has joined it.
type fetcher struct {
	cluster
	properties properties
	ctx        context.Context
	cancel     context.CancelFunc
	all        sync.WaitGroup
	users      int // guarded by the source
	mu         struct {
		sync.Mutex
		feeds map[partitionID]*feed
		pumps map[int32]*pump
		group map[partitionID]int64 // offsets to be committed to the group
	}
}

// answer is what a broker gave for a partition, or why it gives nothing.
type answer struct {
	raw     []byte
	aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
	err     error
}

// feed is a partition that is read. What is not atomic belongs to the fetcher's
// mutex.
type feed struct {
	id       partitionID
	leader   leadership
	next     int64 // what to ask for
	silent   time.Time
	answers  chan answer // of one
	ahead    atomic.Bool // an answer waits
	highMark atomic.Int64
}

// pump is a broker that is asked. wake has room for one.
type pump struct {
	broker int32
	wake   chan struct{}
}

// newFetcher connects to a cluster; nothing is sent until it is needed.
func newFetcher(p properties) (*fetcher, error) {
	client, err := kgo.NewClient(p.clientOptions()...)
	if err != nil {
		return nil, invalid("properties.bootstrap.servers", "the Kafka client refuses its properties: %v", err)
	}
	f := &fetcher{cluster: cluster{client, p.servers, !p.readUncommitted}, properties: p}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.mu.feeds, f.mu.pumps, f.mu.group = map[partitionID]*feed{}, map[int32]*pump{}, map[partitionID]int64{}
	if p.group != "" {
		f.all.Go(f.commitGroup)
	}
	return f, nil
}

// close ends the fetcher and what it started.
func (f *fetcher) close() {
	f.cancel()
	f.all.Wait()
	f.client.Close()
}

// add begins to read a partition at an offset.
func (f *fetcher) add(id partitionID, at leadership, next int64) *feed {
	d := &feed{id: id, leader: at, next: next, silent: time.Now(), answers: make(chan answer, 1)}
	d.highMark.Store(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.feeds[id] = d
	f.assign(d)
	return d
}

// remove ends the reading of a partition.
func (f *fetcher) remove(d *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.feeds[d.id] == d {
		delete(f.mu.feeds, d.id)
	}
}

// taken says that a reader has taken the feed's answer.
func (f *fetcher) taken(d *feed) {
	d.ahead.Store(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	d.silent = time.Now() // nobody was asked meanwhile
	f.assign(d)
}

// seek makes an offset the next one to be asked for. The reader has taken the
// feed's answer and not said so, so nobody asks for the feed meanwhile.
func (f *fetcher) seek(d *feed, next int64) {
	f.mu.Lock()
	d.next = next
	f.mu.Unlock()
	f.taken(d)
}

// assign wakes the pump of the feed's leader, or starts it. The mutex is held.
func (f *fetcher) assign(d *feed) {
	p := f.mu.pumps[d.leader.broker]
	if p == nil {
		p = &pump{broker: d.leader.broker, wake: make(chan struct{}, 1)}
		f.mu.pumps[p.broker] = p
		f.all.Go(func() { f.run(p) })
	}
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run asks one broker until the fetcher ends.
func (f *fetcher) run(p *pump) {
	for f.ctx.Err() == nil {
		asked, request := f.request(p)
		if len(asked) == 0 {
			select {
			case <-p.wake:
			case <-f.ctx.Done():
			}
			continue
		}
		if !f.ask(p, asked, request) {
			f.pause()
			f.findLeaders(asked)
		}
	}
}

func (f *fetcher) pause() {
	timer := time.NewTimer(backoff)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

// request is for all partitions of the broker whose readers want more.
func (f *fetcher) request(p *pump) (map[partitionID]*feed, *kmsg.FetchRequest) {
	asked := map[partitionID]*feed{}
	request := kmsg.NewPtrFetchRequest()
	request.MinBytes, request.MaxBytes, request.MaxWaitMillis = 1, fetchBytesMax, int32(fetchWait.Milliseconds())
	if f.committed {
		request.IsolationLevel = 1
	}
	topics := map[string]int{}
	f.mu.Lock()
	defer f.mu.Unlock()
	share := int32(min(max(fetchBytesMax/max(len(f.mu.feeds), 1), partitionBytesMin), partitionBytesMax))
	for id, d := range f.mu.feeds {
		if d.leader.broker != p.broker {
			continue
		}
		if d.ahead.Load() {
			request.MaxWaitMillis = int32(fetchWaitShort.Milliseconds())
			continue
		}
		at, known := topics[id.topic]
		if !known {
			at = len(request.Topics)
			topics[id.topic] = at
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic, topic.TopicID = id.topic, d.leader.topicID
			request.Topics = append(request.Topics, topic)
		}
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = id.number, d.next, share
		partition.CurrentLeaderEpoch, partition.LastFetchedEpoch, partition.LogStartOffset = d.leader.brokerEpoch, -1, -1
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, partition)
		asked[id] = d
	}
	return asked, request
}

// ask sends a request and hands the answers out. It reports whether all is well
// with the broker and its partitions.
func (f *fetcher) ask(p *pump, asked map[partitionID]*feed, request *kmsg.FetchRequest) bool {
	reply, err := f.client.Broker(int(p.broker)).Request(f.ctx, request)
	if err == nil {
		err = kerr.ErrorForCode(reply.(*kmsg.FetchResponse).ErrorCode)
	}
	if err != nil {
		for _, d := range asked {
			f.complain(d, err)
		}
		return false
	}
	names := map[[16]byte]string{}
	for id, d := range asked {
		names[d.leader.topicID] = id.topic
	}
	well := true
	size := 0
	for _, topic := range reply.(*kmsg.FetchResponse).Topics {
		for i := range topic.Partitions {
			size += len(topic.Partitions[i].RecordBatches)
		}
	}
	for _, topic := range reply.(*kmsg.FetchResponse).Topics {
		name := topic.Topic
		if name == "" {
			name = names[topic.TopicID]
		}
		for i := range topic.Partitions {
			given := &topic.Partitions[i]
			if len(given.RecordBatches) < size/4 {
				// A reader that takes its time must not keep the whole answer in memory.
				given.RecordBatches = bytes.Clone(given.RecordBatches)
			}
			if d := asked[partitionID{name, given.Partition}]; d != nil && !f.hand(d, given) {
				well = false
			}
		}
	}
	return well
}

// hand gives a partition's answer to its reader.
func (f *fetcher) hand(d *feed, given *kmsg.FetchResponseTopicPartition) bool {
	switch err := kerr.ErrorForCode(given.ErrorCode); {
	case errors.Is(err, kerr.OffsetOutOfRange):
		f.put(d, answer{err: errOutOfRange})
		return true
	case err != nil:
		f.complain(d, err)
		return false
	}
	d.highMark.Store(given.HighWatermark)
	if f.committed && given.LastStableOffset >= 0 {
		d.highMark.Store(given.LastStableOffset)
	}
	f.mu.Lock()
	d.silent = time.Now()
	asked := d.next
	d.next = endOf(given.RecordBatches, asked)
	moved := d.next != asked
	f.mu.Unlock()
	switch {
	case moved:
		f.put(d, answer{raw: given.RecordBatches, aborted: given.AbortedTransactions})
	case len(given.RecordBatches) >= batchHead && given.RecordBatches[magicPlace] == magicNow:
		// Brokers send at least one batch whole, however long it is.
		f.put(d, answer{err: problem.New(problem.TooLarge, "a record batch of %s at offset %d came only in part", d.id, asked)})
	case len(given.RecordBatches) >= batchHead:
		f.put(d, answer{err: problem.New(problem.Unsupported, "%s holds records of an old version at offset %d", d.id, asked).WithHint("brokers of Kafka 4 convert them; a producer of this century writes them newly")})
	}
	return true
}

// put leaves an answer for the reader. There is room: who has an answer waiting
// is not asked for.
func (f *fetcher) put(d *feed, a answer) {
	d.ahead.Store(true)
	select {
	case d.answers <- a:
	case <-f.ctx.Done():
	}
}

// errOutOfRange says that the broker has no record at or behind the position.
var errOutOfRange = errors.New("the offset is out of range")

// complain notes that a partition gives nothing, and tells its reader when that
// has been so for too long, or will not change.
func (f *fetcher) complain(d *feed, err error) {
	if f.ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	silent := time.Since(d.silent)
	f.mu.Unlock()
	forGood := errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.SaslAuthenticationFailed)
	if forGood || silent > unreachableMax {
		f.put(d, answer{err: f.unreachable("read "+d.id.String(), err)})
	}
}

// findLeaders looks where partitions have gone.
func (f *fetcher) findLeaders(asked map[partitionID]*feed) {
	topics := map[string]bool{}
	for id := range asked {
		topics[id.topic] = true
	}
	names := make([]string, 0, len(topics))
	for name := range topics {
		names = append(names, name)
	}
	found, err := f.leaders(f.ctx, names)
	if err != nil {
		return // the request that follows fails again, and counts the time
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, d := range asked {
		if at, ok := found[id]; ok && at.broker >= 0 {
			at.topicID = d.leader.topicID // that of another topic of this name is refused by the broker
			d.leader = at
			if f.mu.feeds[id] == d {
				f.assign(d)
			}
		}
	}
}

// applied notes that the records before an offset are in a committed epoch.
func (f *fetcher) applied(id partitionID, next int64) {
	if f.properties.group == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.group[id] = next
}

// commitGroup tells the consumer group from time to time how far partitions were
// applied, and once more at the end.
func (f *fetcher) commitGroup() {
	ticker := time.NewTicker(groupInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f.commitNow(f.ctx)
		case <-f.ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), groupInterval)
			defer cancel()
			f.commitNow(last)
			return
		}
	}
}

// commitNow commits what is new. A failure is repeated with the next one: nobody
// reads by these offsets but people.
func (f *fetcher) commitNow(ctx context.Context) {
	f.mu.Lock()
	offsets := kadm.Offsets{}
	for id, next := range f.mu.group {
		offsets.AddOffset(id.topic, id.number, next, -1)
	}
	f.mu.group = map[partitionID]int64{}
	f.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	if err := kadm.NewClient(f.client).CommitAllOffsets(ctx, f.properties.group, offsets); err != nil && ctx.Err() == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, o := range offsets.Sorted() {
			id := partitionID{o.Topic, o.Partition}
			if _, newer := f.mu.group[id]; !newer {
				f.mu.group[id] = o.At
			}
		}
	}
}
