package kafka

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Members come and go, and the door crashes: what the group has not committed is
// read again, nothing is left out, and what is committed is not read again.
func TestGroup(t *testing.T) {
	s := newStand(t, nil)
	producer := s.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	next := 0
	send := func(n int) {
		for range n {
			produce(t, producer, record("clicks", int32(next%2), "", fmt.Sprintf(`{"id":%d}`, next)))
			next++
		}
	}
	var mu sync.Mutex
	seen := map[string]int{}
	assigned := map[string]int{}
	member := func(name string) *kgo.Client {
		changed := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
			return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
				mu.Lock()
				defer mu.Unlock()
				assigned[name] += by * len(parts["clicks"])
			}
		}
		return s.client(kgo.ClientID(name), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("clicks"), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(50*time.Millisecond), kgo.SessionTimeout(2*time.Second),
			kgo.OnPartitionsAssigned(changed(1)), kgo.OnPartitionsRevoked(changed(-1)), kgo.OnPartitionsLost(changed(-1)))
	}
	poll := func(c *kgo.Client, until func() bool) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for !until() {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d are seen, assigned: %v", len(seen), next, assigned)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			fetches := c.PollFetches(ctx)
			cancel()
			mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
			mu.Unlock()
			if fetches.NumRecords() > 0 {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				_ = c.CommitUncommittedOffsets(ctx) // refused while the group comes together anew
				cancel()
			}
		}
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(seen) }
	both := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return assigned["one"] == 1 && assigned["two"] == 1
	}

	send(10)
	one := member("one")
	poll(one, func() bool { return count() == 10 })
	two := member("two")
	var polling sync.WaitGroup
	polling.Go(func() { poll(two, both) })
	poll(one, both)
	polling.Wait()

	admin := kadm.NewClient(s.client())
	described, err := admin.DescribeGroups(t.Context(), "readers", "unheard of")
	if err != nil || described["readers"].State != "Stable" || len(described["readers"].Members) != 2 || described["unheard of"].State != "Dead" {
		t.Errorf("%v: %+v", err, described)
	}
	two.Close()
	send(10)
	poll(one, func() bool { return count() == 20 })

	s.crash()
	send(10)
	poll(one, func() bool { return count() == 30 })
	one.Close()
	send(5)
	three := member("three")
	poll(three, func() bool { return count() == 35 })
	for value, times := range seen {
		if times > 2 {
			t.Errorf("%s was read %d times", value, times)
		}
	}
	three.Close()
	offsets, err := admin.FetchOffsets(t.Context(), "readers")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	offsets.Each(func(o kadm.OffsetResponse) { total += o.At })
	if total != int64(next) {
		t.Errorf("%d of %d are committed", total, next)
	}
	if _, err := admin.DeleteGroup(t.Context(), "readers"); err != nil {
		t.Error(err)
	}
	if left := s.door.coordinator.Groups(); len(left) > 0 {
		t.Errorf("groups: %q", left)
	}
}

// A member that dies without a word is missed when its session ends.
func TestSilentMember(t *testing.T) {
	now := time.Unix(1000, 0)
	g := &groups{now: func() time.Time { return now }}
	g.mu.groups = map[string]*group{}
	join := func(member string) (joined, chan joined) {
		return g.enter(joinRequest{group: "g", member: member, client: "c", session: 10 * time.Second, rebalance: 20 * time.Second, protocolType: "consumer", protocols: []protocol{{"range", []byte(member)}}})
	}
	_, wait := join("")
	first := <-wait
	if first.code != 0 || first.leader != first.member || len(first.members) != 1 {
		t.Fatalf("%+v", first)
	}
	if _, answer := g.enterSync("g", first.member, "", first.generation, map[string][]byte{first.member: []byte("all")}); answer.code != 0 {
		t.Fatalf("%+v", answer)
	}
	_, waiting := join("")
	if code := g.heartbeat("g", first.member, "", first.generation); code != rebalanceInProgress {
		t.Errorf("the first is told %d", code)
	}
	now = now.Add(9 * time.Second)
	g.expire()
	select {
	case a := <-waiting:
		t.Fatalf("the second is in before the first is missed: %+v", a)
	default:
	}
	now = now.Add(2 * time.Second)
	g.expire()
	if second := <-waiting; second.code != 0 || second.leader != second.member || second.generation != first.generation+1 {
		t.Errorf("%+v", second)
	}
	if code := g.heartbeat("g", first.member, "", first.generation); code != unknownMemberID {
		t.Errorf("the first comes back and is told %d", code)
	}
	now = now.Add(time.Hour)
	g.expire() // the leader never divides
	g.expire()
	if len(g.mu.groups) != 0 {
		t.Errorf("%+v", g.mu.groups["g"])
	}
}

// A member with a name of its own takes its place again when it is started anew,
// and the one before is told so.
func TestStaticMember(t *testing.T) {
	g := &groups{now: func() time.Time { return time.Unix(1000, 0) }}
	g.mu.groups = map[string]*group{}
	join := func(member, instance string) (joined, chan joined) {
		return g.enter(joinRequest{group: "g", member: member, instance: instance, client: "c", needsID: true, session: time.Minute, rebalance: time.Minute, protocolType: "consumer", protocols: []protocol{{"range", nil}}})
	}
	_, wait := join("", "left")
	first := <-wait
	if _, answer := g.enterSync("g", first.member, "left", first.generation, nil); answer.code != 0 {
		t.Fatalf("%+v", answer)
	}
	_, wait = join("", "left")
	again := <-wait
	if again.code != 0 || again.member == first.member || again.generation != first.generation+1 {
		t.Errorf("%+v after %+v", again, first)
	}
	if code := g.heartbeat("g", first.member, "left", first.generation); code != fencedInstanceID {
		t.Errorf("the one before is told %d", code)
	}
	if answer, _ := join(first.member, "left"); answer.code != fencedInstanceID {
		t.Errorf("the one before joins: %+v", answer)
	}
	// One without a name gets an id first, and comes in with it.
	invited, _ := join("", "")
	if invited.code != memberIDRequired || invited.member == "" {
		t.Fatalf("%+v", invited)
	}
	if answer, _ := join("made up", ""); answer.code != unknownMemberID {
		t.Errorf("%+v", answer)
	}
	if _, wait := join(invited.member, ""); wait == nil {
		t.Error("the invited one is not let in")
	}
	if code := g.leave("g", "", "left"); code != 0 {
		t.Errorf("leave: %d", code)
	}
	if v, known := g.view("g"); !known || len(v.members) != 1 || v.state != groupSyncing {
		t.Errorf("%+v", v)
	}
	if code := g.check("g", "", "", -1); code != unknownMemberID {
		t.Errorf("a stranger commits: %d", code)
	}
}
