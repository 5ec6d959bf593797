package eventlog

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
)

func TestRepeatedKey(t *testing.T) {
	disk := vfs.NewMem()
	topic := create(t, open(t, disk, Options{}), "clicks", 2)
	first := events("batch 7", "a", "b", "c")
	first.Result = []byte(`{"quarantined":[3]}`)
	mustAppend(t, topic, 1, events("", "before"))
	want := mustAppend(t, topic, 1, first)
	if diff := cmp.Diff(Appended{Partition: 1, First: 1, Count: 3, TimeMS: want.TimeMS, Result: first.Result}, want); diff != "" {
		t.Error(diff)
	}
	empty := mustAppend(t, topic, 0, Events{Key: "nothing left", Result: []byte("all rows were wrong")})
	if diff := cmp.Diff(Appended{TimeMS: empty.TimeMS, Result: []byte("all rows were wrong")}, empty); diff != "" {
		t.Error(diff)
	}
	mustAppend(t, topic, 0, events("", "after"))

	check := func(topic *Topic) {
		t.Helper()
		want.Duplicate, empty.Duplicate = true, true
		// The same key, another partition, another content: the first answer.
		if diff := cmp.Diff(want, mustAppend(t, topic, 0, events("batch 7", "other"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(empty, mustAppend(t, topic, 0, Events{Key: "nothing left"})); diff != "" {
			t.Error(diff)
		}
		got, _ := read(t, topic, 0, 0)
		if diff := cmp.Diff(map[Offset]string{1: "after"}, got); diff != "" {
			t.Error(diff)
		}
		got, _ = read(t, topic, 1, 0)
		if diff := cmp.Diff(map[Offset]string{0: "before", 1: "a", 2: "b", 3: "c"}, got); diff != "" {
			t.Error(diff)
		}
		if _, found, err := topic.Answer("never seen"); found || err != nil {
			t.Errorf("an unknown key: %v, %v", found, err)
		}
	}
	check(topic)
	_, afterCrash := reopen(t, disk.CrashClone(vfs.LoseAll))
	check(afterCrash)
	closing, again := reopen(t, disk.CrashClone(vfs.LoseAll))
	check(again)
	if err := closing.Close(); err != nil {
		t.Fatal(err)
	}
	_, afterClose := reopen(t, closing.fs)
	check(afterClose)
}

// TestSameKeyAtOnce has many goroutines append the same keys: one of them
// appends, all get the same answer.
func TestSameKeyAtOnce(t *testing.T) {
	const keys, repeats = 20, 8
	topic := create(t, open(t, rooted(t), Options{}), "clicks", 2)
	var answers [keys][repeats]Appended
	var all sync.WaitGroup
	for k := range keys {
		for n := range repeats {
			all.Go(func() {
				a, err := topic.Append(context.Background(), Partition(n%2), events(fmt.Sprint("key ", k), fmt.Sprintf("%d by %d", k, n)))
				if err != nil {
					t.Error(err)
				}
				answers[k][n] = a
			})
		}
	}
	all.Wait()
	for k := range keys {
		originals := 0
		for n := range repeats {
			if !answers[k][n].Duplicate {
				originals++
			}
			if answers[k][n].First != answers[k][0].First || answers[k][n].Partition != answers[k][0].Partition {
				t.Errorf("key %d: answers %+v and %+v", k, answers[k][n], answers[k][0])
			}
		}
		if originals != 1 {
			t.Errorf("key %d was appended %d times", k, originals)
		}
	}
	a, _ := read(t, topic, 0, 0)
	b, _ := read(t, topic, 1, 0)
	if len(a)+len(b) != keys {
		t.Errorf("%d records, want %d", len(a)+len(b), keys)
	}
}

// TestFailedKeyIsFree: an append that failed does not take its key.
func TestFailedKeyIsFree(t *testing.T) {
	faulty := vfs.NewFaulty(vfs.NewMem(), "")
	topic := create(t, open(t, faulty, Options{}), "clicks", 1)
	faulty.SetScript("write *.seg #1 enospc")
	if _, err := topic.Append(context.Background(), 0, events("key", "x")); err == nil {
		t.Fatal("the append did not fail")
	}
	if a := mustAppend(t, topic, 0, events("key", "x")); a.Duplicate || a.First != 0 {
		t.Errorf("the second attempt: %+v", a)
	}
}

// TestKeyWindow forgets the oldest keys, by number and by age, also after a start.
func TestKeyWindow(t *testing.T) {
	disk, c := vfs.NewMem(), newClock()
	options := Options{KeysMax: 10, KeyAge: time.Hour, Now: c.Now}
	l := open(t, disk, options)
	topic := create(t, l, "clicks", 1)
	for i := range 15 {
		mustAppend(t, topic, 0, events(fmt.Sprint(i), "x"))
	}
	known := func(topic *Topic) (keys []int) {
		for i := range 20 {
			if _, found, err := topic.Answer(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			} else if found {
				keys = append(keys, i)
			}
		}
		return keys
	}
	newest := []int{5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	if diff := cmp.Diff(newest, known(topic)); diff != "" {
		t.Error(diff)
	}
	for _, clean := range []bool{false, true} {
		if clean {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		l := open(t, disk.CrashClone(vfs.LoseAll), options)
		topic, err := l.Topic("clicks")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(newest, known(topic)); diff != "" {
			t.Errorf("after a start, clean %v:\n%s", clean, diff)
		}
		c.now = c.now.Add(61 * time.Minute)
		mustAppend(t, topic, 0, events("15", "x"))
		if diff := cmp.Diff([]int{15}, known(topic)); diff != "" {
			t.Errorf("after an hour, clean %v:\n%s", clean, diff)
		}
	}
}
