// Package exchange moves batches, watermarks and barriers between the tasks of
// a job.
//
// It is not a network: tasks are goroutines of one process. It does not know
// what the rows mean.
//
// Flow: a sender cuts a batch by key (Partition) and puts each part into the
// Inbox of the task that looks after these keys; the task takes messages from
// its Inbox, combines watermarks (Watermarks), and holds back senders that have
// passed a barrier until all have (Alignment).
//
// Invariants:
//  1. Messages of one sender arrive in the order in which they were put.
//  2. A sender waits while its queue is full; so memory is bounded, and a slow
//     task slows down what feeds it.
//  3. The rows of one key go to the same task from every sender.
package exchange

import (
	"context"
	"sync"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine"
)

// MessageKind says which members of a Message count.
type MessageKind uint8

// The kinds of messages.
const (
	Rows      MessageKind = iota // Batch; from a split also Offset and Watermark
	Watermark                    // Watermark, Idle
	Barrier                      // Epoch, Last
	End                          // of a split
)

// Message is what a sender tells a task.
type Message struct {
	Kind      MessageKind
	Batch     *batch.Batch
	Watermark engine.Watermark // of Rows, what the source vouches for behind them
	Idle      bool             // nobody has to wait for the sender until it has rows again
	Epoch     engine.Epoch
	Last      bool           // no message follows
	Offset    connect.Offset // position behind the rows
}

// Inbox holds the messages for one task, one bounded queue a sender. Each
// sender is one goroutine; the receiver is one goroutine.
type Inbox struct {
	arrived chan struct{}   // holds a token when there may be something to take
	room    []chan struct{} // per sender: a token when there may be room again
	limits  []int
	mu      struct {
		sync.Mutex
		queues [][]Message
		next   int // sender to look at first, so that none is starved
	}
}

// NewInbox makes an inbox with room for limits[i] messages of sender i.
func NewInbox(limits []int) *Inbox {
	b := &Inbox{arrived: make(chan struct{}, 1), limits: limits}
	b.mu.queues = make([][]Message, len(limits))
	for range limits {
		b.room = append(b.room, make(chan struct{}, 1))
	}
	return b
}

// Put adds a message, and waits for room until ctx ends.
func (b *Inbox) Put(ctx context.Context, sender int, m Message) error {
	for {
		if b.Offer(sender, m) {
			return nil
		}
		select {
		case <-b.room[sender]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Offer adds a message if there is room for it at once.
func (b *Inbox) Offer(sender int, m Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.queues[sender]) >= b.limits[sender] {
		return false
	}
	b.mu.queues[sender] = append(b.mu.queues[sender], m)
	b.Poke()
	return true
}

// Poke wakes the receiver as if something had arrived.
func (b *Inbox) Poke() { signal(b.arrived) }

// signal leaves a token unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Take gives the next message of a sender that is allowed, without waiting.
func (b *Inbox) Take(allowed func(sender int) bool) (sender int, m Message, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.mu.queues {
		sender := (b.mu.next + i) % len(b.mu.queues)
		queue := b.mu.queues[sender]
		if len(queue) == 0 || !allowed(sender) {
			continue
		}
		m := queue[0]
		queue[0] = Message{}
		if queue = queue[1:]; len(queue) == 0 {
			queue = nil
		}
		b.mu.queues[sender] = queue
		b.mu.next = sender + 1
		signal(b.room[sender])
		return sender, m, true
	}
	return 0, Message{}, false
}

// Waiting is how many messages of the sender are there.
func (b *Inbox) Waiting(sender int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mu.queues[sender])
}

// Arrived has a token when it is worth while to Take again.
func (b *Inbox) Arrived() <-chan struct{} { return b.arrived }
