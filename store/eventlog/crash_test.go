package eventlog

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"tidemark/base/vfs"
)

// ledger is what a test was told: by offset what was acknowledged, and what was
// tried without an answer.
type ledger struct {
	acknowledged map[Offset]string
	tried        map[string]bool
	answers      map[string]Appended // by key
	start        Offset              // retention removed what is before
}

func newLedger() *ledger {
	return &ledger{acknowledged: map[Offset]string{}, tried: map[string]bool{}, answers: map[string]Appended{}}
}

// workload does what a program does with a log, until something fails. It goes
// through several segments, single appends and runs of three, keys, a hold,
// retention, sealing and a clean restart.
func (g *ledger) workload(fsys vfs.FS, c *clock) error {
	options := Options{SegmentBytes: 8 << 10, Now: c.Now}
	l, err := Open(fsys, testDir, options)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	topic, err := l.CreateTopic("clicks", 1)
	if err != nil {
		return err
	}
	for i := range 36 {
		c.now = c.now.Add(time.Second)
		var run []Events
		for j := range 1 + 2*(i%2) {
			var texts []string
			for n := range 1 + i%3 {
				texts = append(texts, fmt.Sprintf("%d.%d.%d %s", i, j, n, strings.Repeat("y", 20*i)))
			}
			key := ""
			if i%4 == 1 {
				key = fmt.Sprintf("key %d.%d", i, j)
			}
			run = append(run, either(i/2+j, key, texts...))
		}
		if err := g.append(topic, run); err != nil {
			return err
		}
		switch i {
		case 10, 30:
			err = l.Maintain(context.Background())
		case 12:
			err = topic.Hold(0, "job", 10)
		case 15:
			g.start = 10
			_, err = topic.Trim(Retention{Age: time.Second})
		case 20:
			if err := l.Close(); err != nil {
				return err
			}
			again, err := Open(fsys, testDir, options)
			if err != nil {
				return err
			}
			l = again
			if topic, err = l.Topic("clicks"); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return l.Close()
}

func (g *ledger) append(topic *Topic, run []Events) error {
	for i := range run {
		for _, text := range run[i].texts() {
			g.tried[text] = true
		}
	}
	first, errs := appendRun(topic, 0, run...)
	for i, err := range errs {
		if err != nil {
			return err
		}
		for n, text := range run[i].texts() {
			g.acknowledged[first[i]+Offset(n)] = text
		}
		if run[i].Key != "" {
			g.answers[run[i].Key] = Appended{First: first[i], Count: run[i].count(), Duplicate: true}
		}
	}
	return nil
}

// verify opens what a crash left and compares it with what was told.
func (g *ledger) verify(fsys vfs.FS, c *clock) error {
	l, err := Open(fsys, testDir, Options{SegmentBytes: 8 << 10, Now: c.Now})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	topic, err := l.Topic("clicks")
	if err != nil {
		if len(g.acknowledged) == 0 {
			return nil
		}
		return err
	}
	recovery, err := topic.Recovery(0)
	if err != nil {
		return err
	}
	if len(recovery.Damaged) > 0 || recovery.ReplacedStart {
		return fmt.Errorf("recovery speaks of damage: %+v", recovery)
	}
	found, err := g.compare(topic)
	if err != nil {
		return err
	}
	for key, want := range g.answers {
		got, known, err := topic.Answer(key)
		if err != nil || want.First >= found.start && (!known || got.First != want.First || got.Count != want.Count) {
			return fmt.Errorf("key %q: %+v, %v, want %+v: %w", key, got, known, want, err)
		}
	}
	a, err := topic.Append(context.Background(), 0, events("", "after the crash"))
	if err != nil || a.First != found.next {
		return fmt.Errorf("append at offset %d, want %d: %w", a.First, found.next, err)
	}
	g.acknowledged[a.First] = "after the crash"
	g.tried["after the crash"] = true
	_, err = g.compare(topic)
	delete(g.acknowledged, a.First)
	return err
}

type extent struct{ start, next Offset }

// compare reads everything and checks it record by record.
func (g *ledger) compare(topic *Topic) (extent, error) {
	start, err := topic.StartOffset(0)
	if err != nil {
		return extent{}, err
	}
	if start > g.start {
		return extent{}, fmt.Errorf("the log starts at %d although %d is held", start, g.start)
	}
	r, err := topic.Reader(0, start)
	if err != nil {
		return extent{}, err
	}
	defer r.Close()
	seen := map[Offset]string{}
	for {
		k, err := r.NextAvailable()
		if err == io.EOF {
			break
		}
		if err != nil {
			return extent{}, fmt.Errorf("read at %d: %w", r.Offset(), err)
		}
		for i, text := range textsOf(k) {
			offset := k.First() + Offset(i)
			if offset != start+Offset(len(seen)) {
				return extent{}, fmt.Errorf("offset %d after %d records from %d", offset, len(seen), start)
			}
			seen[offset] = text
			if !g.tried[seen[offset]] {
				return extent{}, fmt.Errorf("offset %d has %q, which nobody appended", offset, seen[offset])
			}
		}
	}
	next, err := topic.HighWater(0)
	if err != nil || next != start+Offset(len(seen)) {
		return extent{}, fmt.Errorf("high water %d, %v; read %d records from %d", next, err, len(seen), start)
	}
	for offset, text := range g.acknowledged {
		if got, ok := seen[offset]; offset >= start && (!ok || got != text) {
			return extent{}, fmt.Errorf("offset %d was acknowledged as %q and has %q", offset, text, got)
		}
	}
	return extent{start, next}, nil
}

// TestCrashAtEveryChange lets the program die at each operation that changes
// the disk, and looks at what may be left after a power loss: nothing that was
// not synced, all of it, and random torn parts. Then it lets some recoveries
// die as well.
func TestCrashAtEveryChange(t *testing.T) {
	positions := 0
	for position := 1; ; position++ {
		disk, c, told := vfs.NewMem(), newClock(), newLedger()
		err := told.workload(vfs.NewFaulty(disk, fmt.Sprintf("change * #%d crash", position)), c)
		if err != nil && !hasCause(err, vfs.ErrCrashed) {
			t.Fatalf("crash at change %d: %v", position, err)
		}
		for seed := range uint64(6) {
			survival := map[uint64]vfs.Survival{0: vfs.LoseAll, 1: vfs.KeepAll}[seed]
			if survival == nil {
				survival = vfs.KeepRandom(rand.New(rand.NewPCG(uint64(position), seed)))
			}
			left := disk.CrashClone(survival)
			if err := told.verify(left.CrashClone(vfs.KeepAll), c); err != nil {
				t.Errorf("crash at change %d, seed %d: %v", position, seed, err)
			}
			// The recovery dies too.
			again := 1 + int(seed)*3 + position%3
			if err := told.verify(vfs.NewFaulty(left, fmt.Sprintf("change * #%d crash", again)), c); err != nil && !hasCause(err, vfs.ErrCrashed) {
				t.Errorf("crash at change %d, seed %d, again at %d: %v", position, seed, again, err)
			}
			left = left.CrashClone(vfs.KeepRandom(rand.New(rand.NewPCG(uint64(position), seed+100))))
			told.tried["after the crash"] = true
			if err := told.verify(left, c); err != nil {
				t.Errorf("crash at change %d, seed %d, again at %d, then: %v", position, seed, again, err)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
		if err == nil {
			break
		}
		positions = position
	}
	t.Logf("%d positions", positions)
	if positions < 150 {
		t.Errorf("only %d positions were tried", positions)
	}
}

// TestErrorAtEveryOperation lets each operation fail once, with the program
// going on: what is acknowledged is there, what was reported as failed may be.
func TestErrorAtEveryOperation(t *testing.T) {
	injected := 0
	for _, effect := range []string{"eio", "enospc", "short"} {
		failed := 0
		for position := 1; ; position++ {
			disk, c, told := vfs.NewMem(), newClock(), newLedger()
			faulty := vfs.NewFaulty(disk, "")
			l, err := Open(faulty, testDir, Options{SegmentBytes: 8 << 10, Now: c.Now})
			if err != nil {
				t.Fatal(err)
			}
			topic, err := l.CreateTopic("clicks", 1)
			if err != nil {
				t.Fatal(err)
			}
			before := faulty.Changes()
			faulty.SetScript(fmt.Sprintf("change * #%d %s", position, effect))
			errs := 0
			for i := range 24 {
				var run []Events
				for j := range 1 + i%3 {
					run = append(run, events(fmt.Sprintf("%d.%d", i, j), fmt.Sprintf("%d.%d %s", i, j, strings.Repeat("z", 30*i))))
				}
				if err := told.append(topic, run); err != nil {
					errs++
				}
			}
			if _, err := told.compare(topic); err != nil {
				t.Errorf("%s at change %d: %v", effect, position, err)
			}
			if errs > 1 {
				t.Errorf("%s at change %d: %d appends failed, want one at most", effect, position, errs)
			}
			failed += errs
			if position%2 == 0 {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
			for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll, vfs.KeepRandom(rand.New(rand.NewPCG(uint64(position), 1)))} {
				if err := told.verify(disk.CrashClone(survival), c); err != nil {
					t.Errorf("%s at change %d, then a crash: %v", effect, position, err)
				}
			}
			done := faulty.Changes()-before < position
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.FailNow()
			}
			if done {
				break
			}
			injected++
		}
		if failed < 20 {
			t.Errorf("%s: only %d appends failed", effect, failed)
		}
	}
	t.Logf("%d faults", injected)
}

// TestErrorAtEveryOperationOfALife lets each operation fail once, reading and
// opening among them, over a whole life of a log: what was told until something
// failed is there at the next start, without a word of damage.
func TestErrorAtEveryOperationOfALife(t *testing.T) {
	failed, position := 0, 1
	for ; ; position++ {
		disk, c, told := vfs.NewMem(), newClock(), newLedger()
		faulty := vfs.NewFaulty(disk, fmt.Sprintf("* * #%d eio", position))
		err := told.workload(faulty, c)
		if err != nil {
			failed++
			if !strings.Contains(err.Error(), syscall.EIO.Error()) {
				t.Errorf("operation %d: %v", position, err)
			}
		}
		struck := faulty.Operations() >= position
		for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll, vfs.KeepRandom(rand.New(rand.NewPCG(uint64(position), 1)))} {
			if err := told.verify(disk.CrashClone(survival), c); err != nil {
				t.Errorf("operation %d, then a crash: %v", position, err)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
		if !struck {
			break
		}
	}
	t.Logf("%d operations, %d made the log fail", position-1, failed)
	if position <= 200 || failed < 100 {
		t.Errorf("only %d operations, %d failures", position-1, failed)
	}
}

// TestTornAtEveryByte cuts the last write after each of its bytes.
func TestTornAtEveryByte(t *testing.T) {
	disk, c, told := vfs.NewMem(), newClock(), newLedger()
	faulty := vfs.NewFaulty(disk, "")
	l := open(t, faulty, Options{Now: c.Now})
	topic := create(t, l, "clicks", 1)
	for i := range 3 {
		if err := told.append(topic, []Events{events("", text(i)), events(fmt.Sprint(i), text(i+50))}); err != nil {
			t.Fatal(err)
		}
	}
	// The write is done, its sync is not.
	faulty.SetScript("sync *.seg crash")
	last := []Events{events("", "torn 1", strings.Repeat("t", 2400)), packed("a key", "torn 2", strings.Repeat("u", 1400))}
	if err := told.append(topic, last); !hasCause(err, vfs.ErrCrashed) {
		t.Fatal(err)
	}
	whole, partial := 0, 0
	end := int(topic.partitions[0].writer.position) + 4100
	for kept := range end {
		left := disk.CrashClone(vfs.KeepFirst(kept))
		if err := told.verify(left, c); err != nil {
			t.Fatalf("after %d bytes: %v", kept, err)
		}
		opened, err := Open(left, testDir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		topic, _ := opened.Topic("clicks")
		next, _ := topic.HighWater(0)
		_, known, err := topic.Answer("a key")
		if err != nil {
			t.Fatal(err)
		}
		switch { // "after the crash" is one more
		case next == 7 && !known, next == 9 && !known:
			partial++
		case next == 11 && known:
			whole++
		default:
			t.Fatalf("after %d bytes: high water %d, key known %v: an append was kept in part", kept, next, known)
		}
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if whole == 0 || partial < 4000 {
		t.Errorf("%d whole, %d partial", whole, partial)
	}
}

// TestReadAfterAKillIsDurable: the process dies between write and sync, the
// machine goes on. What the next process reads must survive a power loss.
func TestReadAfterAKillIsDurable(t *testing.T) {
	disk := vfs.NewMem()
	faulty := vfs.NewFaulty(disk, "")
	l := open(t, faulty, Options{})
	topic := create(t, l, "clicks", 1)
	faulty.SetScript("sync *.seg crash")
	if _, err := topic.Append(context.Background(), 0, events("", "written")); !hasCause(err, vfs.ErrCrashed) {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, topic = reopen(t, disk)
	if got, _ := read(t, topic, 0, 0); got[0] != "written" {
		t.Fatalf("read %v", got)
	}
	_, topic = reopen(t, disk.CrashClone(vfs.LoseAll))
	if got, _ := read(t, topic, 0, 0); got[0] != "written" {
		t.Errorf("after a power loss: %v", got)
	}
}

// TestTornRunIsGone: of a run of two appends the first is torn and the second
// is whole. Both are cut off, and the second does not come back when the place
// of the first is filled exactly.
func TestTornRunIsGone(t *testing.T) {
	disk := vfs.NewMem()
	faulty := vfs.NewFaulty(disk, "")
	topic := create(t, open(t, faulty, Options{}), "clicks", 1)
	faulty.SetScript("sync *.seg crash")
	// The first batch fills one block exactly: writing another of its size
	// leaves the block of the second as it is.
	oneBlock := vfs.BlockSize - headerBytes - 9
	if _, errs := appendRun(topic, 0, events("", strings.Repeat("1", oneBlock)), events("", "second")); !hasCause(errs[0], vfs.ErrCrashed) {
		t.Fatal(errs)
	}
	left := disk.CrashClone(vfs.KeepAll)
	if err := left.Flip(segmentPaths(t, left, topic, 0)[0], headerBytes+8, 1); err != nil {
		t.Fatal(err)
	}
	_, topic = reopen(t, left)
	if recovery, err := topic.Recovery(0); err != nil || recovery.TornBytes == 0 {
		t.Errorf("recovery %+v, %v", recovery, err)
	}
	other := strings.Repeat("2", oneBlock)
	mustAppend(t, topic, 0, events("", other))
	if size := topic.partitions[0].writer.position; size != vfs.BlockSize {
		t.Fatalf("a batch of %d bytes, want %d", size, vfs.BlockSize)
	}
	for _, survival := range []vfs.Survival{vfs.LoseAll, vfs.KeepAll} {
		_, recovered := reopen(t, left.CrashClone(survival))
		if got, damaged := read(t, recovered, 0, 0); len(got) != 1 || got[0] != other || damaged != nil {
			t.Errorf("after another crash: %d records, damaged %v", len(got), damaged)
		}
	}
}
