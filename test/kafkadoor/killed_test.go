package kafkadoor

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	killsDefault  = 5
	aliveMax      = 700 * time.Millisecond // from ready to the kill
	perBatch      = 50
	transactedMax = 200
)

// ends are the offsets behind a topic's last records.
func ends(ctx context.Context, c *kgo.Client, topic string) (map[int32]int64, error) {
	listed, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	all := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { all[o.Partition] = o.Offset })
	return all, listed.Error()
}

// outcome is what became of a transaction.
type outcome struct {
	first, count int
	decided      bool // otherwise the answer was lost: all or nothing is right
	committed    bool
}

// Producers go on while the program is killed again and again. What an idempotent
// one was acknowledged is there once and in order; of a transactional one, what is
// committed is there once, what is aborted is not, and what nobody knows is there
// as a whole or not at all.
func TestKilledProducers(t *testing.T) {
	s := newServer(t)
	kills := killsDefault
	if text := os.Getenv("KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(seed, 1))
	stop := make(chan struct{})
	var all sync.WaitGroup
	var idempotent [2]int
	for n := range idempotent {
		all.Go(func() { idempotent[n] = produceInOrder(t, s, int32(n), stop) })
	}
	var transacted [2][]outcome
	for n := range transacted {
		all.Go(func() { transacted[n] = transact(t, s, int32(2+n), stop) })
	}
	for range kills {
		time.Sleep(time.Duration(random.Int64N(int64(aliveMax))))
		s.kill()
		s.start()
	}
	close(stop)
	all.Wait()
	if t.Failed() {
		return
	}
	found := s.everything("events")
	total := 0
	for n, count := range idempotent {
		ids := idsOf(t, found[int32(n)])
		if len(ids) != count {
			t.Errorf("idempotent producer %d: %d records, %d were acknowledged", n, len(ids), count)
		}
		for i, id := range ids {
			if id != i {
				t.Fatalf("idempotent producer %d: record %d is %d", n, i, id)
			}
		}
		total += len(ids)
	}
	for n, outcomes := range transacted {
		total += checkTransacted(t, n, outcomes, idsOf(t, found[int32(2+n)]))
	}
	s.ask("SELECT COUNT(*) FROM events", strconv.Itoa(total))
	t.Logf("%d records, of idempotent producers %v, in transactions %d and %d", total, idempotent, len(transacted[0]), len(transacted[1]))
}

// produceInOrder sends numbers until it is told to stop, and waits for all of
// them to be acknowledged.
func produceInOrder(t *testing.T, s *server, partition int32, stop chan struct{}) (sent int) {
	c := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(2000))
	defer c.Close()
	for {
		for range perBatch {
			c.Produce(context.Background(), event(partition, sent), func(r *kgo.Record, err error) {
				if err != nil {
					t.Errorf("idempotent producer %d: %s: %v", partition, r.Value, err)
				}
			})
			sent++
		}
		select {
		case <-stop:
			if err := c.Flush(context.Background()); err != nil {
				t.Error(err)
			}
			return sent
		case <-time.After(time.Millisecond):
		}
	}
}

// transact commits and aborts transactions until it is told to stop.
func transact(t *testing.T, s *server, partition int32, stop chan struct{}) (all []outcome) {
	random := rand.New(rand.NewPCG(uint64(partition), 2))
	open := func() *kgo.Client {
		return s.client(kgo.TransactionalID(fmt.Sprint("producer-", partition)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	c := open()
	defer func() { c.Close() }()
	for next := 0; ; {
		select {
		case <-stop:
			return all
		default:
		}
		o := outcome{first: next, count: 1 + random.IntN(transactedMax), committed: random.IntN(5) > 0}
		next += o.count
		var records []*kgo.Record
		for i := range o.count {
			records = append(records, event(partition, o.first+i))
		}
		ctx, cancel := context.WithTimeout(context.Background(), readyMax)
		err := c.BeginTransaction()
		if err == nil {
			if err = c.ProduceSync(ctx, records...).FirstErr(); err == nil {
				err = c.EndTransaction(ctx, kgo.TransactionEndTry(o.committed))
			}
		}
		cancel()
		if o.decided = err == nil; !o.decided {
			// A new producer ends what this one has left.
			c.Close()
			c = open()
		}
		all = append(all, o)
	}
}

func event(partition int32, id int) *kgo.Record {
	return &kgo.Record{Topic: "events", Partition: partition, Value: fmt.Appendf(nil, `{"id":%d,"source":"%d"}`, id, partition)}
}

func idsOf(t *testing.T, records []*kgo.Record) []int {
	t.Helper()
	ids := make([]int, len(records))
	for i, r := range records {
		var row struct{ ID int }
		if err := json.Unmarshal(r.Value, &row); err != nil {
			t.Fatal(err)
		}
		ids[i] = row.ID
	}
	return ids
}

// checkTransacted compares what is there with what became of the transactions.
func checkTransacted(t *testing.T, producer int, outcomes []outcome, ids []int) int {
	t.Helper()
	at := 0
	for _, o := range outcomes {
		n := 0
		for at+n < len(ids) && n < o.count && ids[at+n] == o.first+n {
			n++
		}
		switch {
		case o.decided && o.committed && n != o.count:
			t.Errorf("transactional producer %d: %d of %d records from %d on are there, which were committed", producer, n, o.count, o.first)
		case o.decided && !o.committed && n > 0:
			t.Errorf("transactional producer %d: %d records from %d on are there, which were aborted", producer, n, o.first)
		case n != 0 && n != o.count:
			t.Errorf("transactional producer %d: %d of %d records from %d on are there, a part of a transaction", producer, n, o.count, o.first)
		}
		at += n
	}
	if at != len(ids) {
		t.Errorf("transactional producer %d: record %d (%d) is there twice, or out of order", producer, at, ids[at])
	}
	return len(ids)
}
