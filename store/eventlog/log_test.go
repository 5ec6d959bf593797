package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/vfs"
)

func TestMain(m *testing.M) {
	if killedChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func TestAppendAndRead(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"mem": vfs.NewMem(), "os": rooted(t)} {
		t.Run(name, func(t *testing.T) {
			l := open(t, fsys, Options{SegmentBytes: 16 << 10})
			topic := create(t, l, "clicks", 2)
			want := [2]map[Offset]string{{}, {}}
			next := 0
			for i := range 200 {
				var texts []string
				p := Partition(i % 2)
				for range 1 + i%7 {
					want[p][Offset(len(want[p]))] = text(next)
					texts = append(texts, text(next))
					next++
				}
				a := mustAppend(t, topic, p, events("", texts...))
				if a.Count != len(texts) || int(a.First)+a.Count != len(want[p]) {
					t.Fatalf("append %d: %+v", i, a)
				}
			}
			check := func(topic *Topic) {
				t.Helper()
				for p := range want {
					for _, from := range []Offset{0, 1, 17, Offset(len(want[p]) - 1), Offset(len(want[p]))} {
						got, damaged := read(t, topic, Partition(p), from)
						rest := map[Offset]string{}
						for offset, text := range want[p] {
							if offset >= from {
								rest[offset] = text
							}
						}
						if diff := cmp.Diff(rest, got); diff != "" || damaged != nil {
							t.Fatalf("partition %d from %d: damaged %v, differs (-want +got)\n%s", p, from, damaged, diff)
						}
					}
				}
			}
			check(topic)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, fsys, Options{SegmentBytes: 16 << 10})
			topic, err := l.Topic("clicks")
			if err != nil {
				t.Fatal(err)
			}
			recovery, err := topic.Recovery(0)
			if err != nil || recovery.ScannedBytes != 0 || recovery.NoCheckpoint {
				t.Errorf("after a clean close, recovery was %+v, %v", recovery, err)
			}
			check(topic)
			mustAppend(t, topic, 1, events("", "after"))
			want[1][Offset(len(want[1]))] = "after"
			check(topic)
		})
	}
}

// rootedFS puts the test's absolute paths under a temporary folder.
type rootedFS struct {
	vfs.FS
	root string
}

func rooted(t testing.TB) vfs.FS { return rootedFS{vfs.OS(), t.TempDir()} }

func (r rootedFS) Create(n string) (vfs.File, error)        { return r.FS.Create(r.root + n) }
func (r rootedFS) Open(n string) (vfs.File, error)          { return r.FS.Open(r.root + n) }
func (r rootedFS) OpenReadWrite(n string) (vfs.File, error) { return r.FS.OpenReadWrite(r.root + n) }
func (r rootedFS) OpenDirect(n string) (vfs.File, error)    { return r.FS.OpenDirect(r.root + n) }
func (r rootedFS) Remove(n string) error                    { return r.FS.Remove(r.root + n) }
func (r rootedFS) Rename(a, b string) error                 { return r.FS.Rename(r.root+a, r.root+b) }
func (r rootedFS) MkdirAll(n string) error                  { return r.FS.MkdirAll(r.root + n) }
func (r rootedFS) List(n string) ([]string, error)          { return r.FS.List(r.root + n) }
func (r rootedFS) Stat(n string) (vfs.Info, error)          { return r.FS.Stat(r.root + n) }
func (r rootedFS) SyncDir(n string) error                   { return r.FS.SyncDir(r.root + n) }
func (r rootedFS) Lock(n string) (io.Closer, error)         { return r.FS.Lock(r.root + n) }
func (r rootedFS) Usage(n string) (vfs.Usage, error)        { return r.FS.Usage(r.root + n) }

// withoutTail lets go of what is in memory, as a restart does.
func withoutTail(topic *Topic) {
	t := &topic.partitions[0].tail
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(len(t.mu.pieces))
}

// TestReaderFollowsWhatIsAppendedBehindItsBlock: what a reader has loaded of a
// file ends inside of a block, in which more is written afterwards.
func TestReaderFollowsWhatIsAppendedBehindItsBlock(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"mem": vfs.NewMem(), "os": rooted(t)} {
		t.Run(name, func(t *testing.T) {
			l := open(t, fsys, Options{})
			topic := create(t, l, "clicks", 1)
			mustAppend(t, topic, 0, events("", text(0)))
			withoutTail(topic)
			r, err := topic.Reader(0, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for i := range 10 {
				k, err := r.Next(t.Context())
				if err != nil {
					t.Fatalf("record %d: %v", i, err)
				}
				if got := string(k.Value(0)); k.Len() != 1 || got != text(i) {
					t.Fatalf("record %d is %q, want %q", i, got, text(i))
				}
				k.Release()
				mustAppend(t, topic, 0, events("", text(i+1)))
				withoutTail(topic)
			}
		})
	}
}

func TestRecordsWithKeysAndHeaders(t *testing.T) {
	topic := create(t, open(t, vfs.NewMem(), Options{}), "clicks", 1)
	records := []Record{
		{Key: []byte("k"), Value: []byte(`{"a":1}`), Headers: []Header{{"trace", []byte("t1")}, {"empty", []byte{}}, {"null", nil}}},
		{Value: []byte("only a value")},
		{Key: []byte{}, Value: nil},
		{},
	}
	mustAppend(t, topic, 0, Events{Records: records})
	r, err := topic.Reader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, err := r.NextAvailable()
	if err != nil {
		t.Fatal(err)
	}
	var got []Record
	for i := range k.Len() {
		record, err := k.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, record)
		if string(k.Value(i)) != string(records[i].Value) {
			t.Errorf("value %d is %q, want %q", i, k.Value(i), records[i].Value)
		}
	}
	if diff := cmp.Diff(records, got); diff != "" {
		t.Error(diff)
	}
}

func TestLargeAppendIsReadWhole(t *testing.T) {
	topic := create(t, open(t, vfs.NewMem(), Options{SegmentBytes: 64 << 10}), "clicks", 1)
	random := rand.New(rand.NewPCG(1, 2))
	large := make([]byte, 3<<20)
	for i := range large {
		large[i] = byte(random.Uint32())
	}
	mustAppend(t, topic, 0, events("", "small"))
	mustAppend(t, topic, 0, Events{Block: large, Values: []batch.View{{Length: uint32(len(large))}}})
	mustAppend(t, topic, 0, events("", "small again"))
	got, damaged := read(t, topic, 0, 0)
	if want := (map[Offset]string{0: "small", 1: string(large), 2: "small again"}); !cmp.Equal(got, want) || damaged != nil {
		t.Errorf("got %d records, damaged %v", len(got), damaged)
	}
}

// TestConcurrentAppends has many goroutines append to all partitions while
// others follow along; every record is read once, in the order it was given.
func TestConcurrentAppends(t *testing.T) {
	const appenders, each, partitions = 8, 100, 2
	topic := create(t, open(t, rooted(t), Options{SegmentBytes: 64 << 10}), "clicks", partitions)
	var followers, writers sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var mu sync.Mutex
	appended := [partitions]map[Offset]string{{}, {}}
	for id := range appenders {
		writers.Go(func() {
			for i := range each {
				p := Partition((id + i) % partitions)
				value := fmt.Sprintf("appender %d event %d", id, i)
				a, err := topic.Append(ctx, p, events("", value))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				appended[p][a.First] = value
				mu.Unlock()
			}
		})
	}
	followed := [partitions]map[Offset]string{{}, {}}
	for p := range partitions {
		followers.Go(func() {
			r, err := topic.Reader(Partition(p), 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for len(followed[p]) < appenders*each/partitions {
				k, err := r.Next(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range k.Len() {
					if int(k.First())+i != len(followed[p]) {
						t.Errorf("offset %d after %d records", int(k.First())+i, len(followed[p]))
					}
					followed[p][k.First()+Offset(i)] = string(k.Value(i))
				}
				k.Release()
			}
		})
	}
	writers.Wait()
	if t.Failed() {
		stop()
	}
	followers.Wait()
	if diff := cmp.Diff(appended, followed); diff != "" {
		t.Error(diff)
	}
}

func TestNextWaitsAndEnds(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{})
	topic := create(t, l, "clicks", 1)
	r, err := topic.Reader(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.NextAvailable(); err != io.EOF {
		t.Errorf("an empty partition: %v, want io.EOF", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	ended := make(chan error)
	go func() {
		_, err := r.Next(context.Background())
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != ErrClosed {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
	if _, err := topic.Append(context.Background(), 0, events("", "x")); err != ErrClosed {
		t.Errorf("append after Close: %v, want ErrClosed", err)
	}
}

// TestQueueIsBounded holds the writer in a sync and fills its queue.
func TestQueueIsBounded(t *testing.T) {
	held := &heldFS{FS: vfs.NewMem(), entered: make(chan struct{}), leave: make(chan struct{})}
	topic := create(t, open(t, held, Options{}), "clicks", 1)
	held.holding.Lock()
	held.hold = true
	held.holding.Unlock()
	var waiting sync.WaitGroup
	waiting.Go(func() { mustAppend(t, topic, 0, events("", "first")) })
	<-held.entered

	ctx, cancel := context.WithCancel(context.Background())
	withdrawn := make(chan error)
	go func() {
		_, err := topic.Append(ctx, 0, events("", "withdrawn"))
		withdrawn <- err
	}()
	cancel()
	if err := <-withdrawn; !errors.Is(err, context.Canceled) {
		t.Errorf("an append that waits and is canceled: %v", err)
	}

	w := topic.partitions[0].writer
	var newest *request
	for range queueAppendsMax {
		e := events("", "queued")
		newest = &request{events: &e, bytesMax: e.encodedBytesMax(), done: make(chan error, 1)}
		if err := w.enqueue(newest); err != nil {
			t.Fatal(err)
		}
	}
	_, err := topic.Append(context.Background(), 0, events("", "one too many"))
	if !problem.Is(err, problem.TooBusy) || problem.Of(err).Retry != problem.Later {
		t.Errorf("append to a full queue: %v", err)
	}
	close(held.leave)
	waiting.Wait()
	if err := <-newest.done; err != nil {
		t.Fatal(err)
	}
	mustAppend(t, topic, 0, events("", "last"))
	if next, _ := topic.HighWater(0); next != queueAppendsMax+2 {
		t.Errorf("high water %d, want %d", next, queueAppendsMax+2)
	}
}

// heldFS lets a test hold a segment's sync.
type heldFS struct {
	vfs.FS
	holding        sync.Mutex
	hold           bool
	entered, leave chan struct{}
}

type heldFile struct {
	vfs.File
	fs *heldFS
}

func (h *heldFS) OpenDirect(name string) (vfs.File, error) {
	f, err := h.FS.OpenDirect(name)
	return heldFile{f, h}, err
}

func (f heldFile) Sync() error {
	f.fs.holding.Lock()
	hold := f.fs.hold
	f.fs.hold = false
	f.fs.holding.Unlock()
	if hold {
		close(f.fs.entered)
		<-f.fs.leave
	}
	return f.File.Sync()
}

func TestTopics(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, Options{})
	names := []string{"Clicks", "clicks", "clicks$quarantine", "ad/../x", "广告", ".", "%41"}
	for _, name := range names {
		mustAppend(t, create(t, l, name, 1), 0, events("", name))
	}
	if _, err := l.CreateTopic("clicks", 1); !problem.Is(err, problem.AlreadyExists) {
		t.Errorf("second clicks: %v", err)
	}
	if _, err := Open(fsys, testDir, Options{}); !problem.Is(err, problem.Conflict) {
		t.Errorf("second open: %v", err)
	}
	if err := l.DropTopic("Clicks"); err != nil {
		t.Fatal(err)
	}
	_, err := l.Topic("Click")
	if got, want := fmt.Sprint(err), "there is no topic Click (did you mean clicks?)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, fsys.CrashClone(vfs.LoseAll), Options{})
	var got []string
	for _, topic := range l.Topics() {
		got = append(got, topic.Name())
		if texts, _ := read(t, topic, 0, 0); texts[0] != topic.Name() {
			t.Errorf("topic %q has %v", topic.Name(), texts)
		}
	}
	if diff := cmp.Diff([]string{"%41", ".", "ad/../x", "clicks", "clicks$quarantine", "广告"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestRefusals lists what a caller can do wrong.
func TestRefusals(t *testing.T) {
	l := open(t, vfs.NewMem(), Options{})
	topic := create(t, l, "clicks", 2)
	mustAppend(t, topic, 0, events("", "x"))
	refuse := func(what string, err error, code problem.Code) {
		t.Helper()
		if !problem.Is(err, code) {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	appending := func(e Events) error { _, err := topic.Append(context.Background(), 0, e); return err }
	refuse("no events", appending(Events{}), problem.InvalidRequest)
	refuse("views and records", appending(Events{Values: []batch.View{{}}, Records: []Record{{}}}), problem.InvalidRequest)
	refuse("long key", appending(events(string(make([]byte, keyBytesMax+1)), "x")), problem.TooLarge)
	refuse("long result", appending(Events{Key: "k", Result: make([]byte, resultBytesMax+1)}), problem.TooLarge)
	refuse("result without key", appending(Events{Records: []Record{{}}, Result: []byte("r")}), problem.InvalidRequest)
	refuse("too many events", appending(Events{Values: make([]batch.View, recordsMax+1)}), problem.TooLarge)
	refuse("too many bytes", appending(Events{Records: []Record{{Value: make([]byte, batchBytesMax)}}}), problem.TooLarge)
	refuse("own header", appending(Events{Records: []Record{{Headers: []Header{{Name: keyHeader}}}}}), problem.InvalidRequest)
	if err := appending(Events{Block: []byte("abc"), Values: []batch.View{{Offset: 2, Length: 2}}}); err == nil {
		t.Error("a view outside of its block was appended")
	}
	_, err := topic.Append(context.Background(), 2, events("", "x"))
	refuse("partition 2 of 2", err, problem.NotFound)
	_, err = topic.Reader(-1, 0)
	refuse("partition -1", err, problem.NotFound)
	_, err = topic.Reader(0, 2)
	refuse("offset in the future", err, problem.InvalidRequest)
	_, err = topic.Reader(0, -1)
	refuse("negative offset", err, problem.NotFound)
	_, err = l.CreateTopic("", 1)
	refuse("topic without a name", err, problem.InvalidRequest)
	_, err = l.CreateTopic("x", 0)
	refuse("topic without partitions", err, problem.InvalidRequest)
	refuse("drop", l.DropTopic("x"), problem.NotFound)
	_, err = Open(vfs.NewMem(), testDir, Options{SegmentBytes: 1})
	refuse("tiny segments", err, problem.InvalidOption)
	if next, _ := topic.HighWater(0); next != 1 {
		t.Errorf("high water %d after refused appends, want 1", next)
	}
}

func TestOffsetAt(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	l := open(t, fsys, Options{SegmentBytes: 4096, Now: c.Now})
	topic := create(t, l, "clicks", 1)
	begin := c.now
	for i := range 100 {
		c.now = begin.Add(time.Duration(i/2) * time.Second)
		mustAppend(t, topic, 0, events("", text(i)))
	}
	check := func(topic *Topic) {
		t.Helper()
		for _, want := range []struct {
			at     time.Duration
			offset Offset
		}{{-time.Hour, 0}, {0, 0}, {1, 2}, {time.Second, 2}, {30 * time.Second, 60}, {49 * time.Second, 98}, {50 * time.Second, 100}} {
			at := begin.Add(want.at)
			if want.at == 1 {
				at = begin.Add(time.Millisecond)
			}
			if got, err := topic.OffsetAt(0, at); err != nil || got != want.offset {
				t.Errorf("at %v: offset %d, %v; want %d", want.at, got, err, want.offset)
			}
		}
	}
	check(topic)
	l = open(t, fsys.CrashClone(vfs.LoseAll), Options{Now: c.Now})
	topic, err := l.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	check(topic)
	// A clock that goes backwards does not make times go backwards.
	c.now = begin
	mustAppend(t, topic, 0, events("", "late"))
	r, err := topic.Reader(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, err := r.NextAvailable()
	if err != nil || k.Time(0) != begin.Add(49*time.Second).UnixMilli() {
		t.Errorf("time %v, %v", k.Time(0), err)
	}
}

// A reader may start inside of a packed append.
func TestReadFromInsideOfAPack(t *testing.T) {
	topic := create(t, open(t, vfs.NewMem(), Options{}), "clicks", 1)
	mustAppend(t, topic, 0, events("", "a", "b"))
	mustAppend(t, topic, 0, packed("", "c", "d", "e"))
	mustAppend(t, topic, 0, events("", "f"))
	all := "abcdef"
	for from := range Offset(6) {
		texts, _ := read(t, topic, 0, from)
		if len(texts) != 6-int(from) {
			t.Errorf("from %d there are %v", from, texts)
		}
		for offset, text := range texts {
			if text != all[offset:offset+1] {
				t.Errorf("from %d on, %d is %q", from, offset, text)
			}
		}
	}
}

// A topic of the version without packed batches is read and appended to; its
// file says so before it gets a packed one.
func TestTopicOfVersion1(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, Options{})
	mustAppend(t, create(t, l, "clicks", 1), 0, events("", "a"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := testDir + "/clicks/" + topicName
	const version1, version2 = `{"format":1,"partitions":1}`, `{"format":2,"partitions":1}`
	if err := vfs.WriteFile(fsys, file, []byte(version1)); err != nil {
		t.Fatal(err)
	}
	l = open(t, fsys, Options{})
	topic, err := l.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, topic, 0, events("", "b"))
	if content, err := vfs.ReadFile(fsys, file); err != nil || string(content) != version1 {
		t.Errorf("without packed events the file says %q, %v", content, err)
	}
	mustAppend(t, topic, 0, packed("", "c", "d"))
	if content, err := vfs.ReadFile(fsys.CrashClone(vfs.LoseAll), file); err != nil || strings.TrimSpace(string(content)) != version2 {
		t.Errorf("with packed events the file says %q, %v", content, err)
	}
	if texts, damaged := read(t, topic, 0, 0); damaged != nil || fmt.Sprint(texts) != "map[0:a 1:b 2:c 3:d]" {
		t.Errorf("read %v", texts)
	}
}

func TestTopicOfANewerVersionIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, Options{})
	create(t, l, "clicks", 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(fsys, testDir+"/clicks/"+topicName, fmt.Appendf(nil, `{"format":%d,"partitions":1}`, FormatVersion+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, fsys, Options{}).Topic("clicks"); !problem.Is(err, problem.Unsupported) {
		t.Errorf("%v, want %s", err, problem.Unsupported)
	}
}
