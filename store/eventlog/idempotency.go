package eventlog

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// keyHash stands for an idempotency key in memory and in checkpoints. The key
// itself stands in its batch and is compared when the hash is found.
type keyHash [16]byte

func hashKey(key string) keyHash {
	sum := sha256.Sum256([]byte(key))
	return keyHash(sum[:16])
}

// rememberedKey says in which batch a key was appended.
type rememberedKey struct {
	hash   keyHash
	offset Offset // base offset of the batch
	timeMS int64  // when it was appended, ms since 1970
}

// keyPlace is a remembered key together with its partition.
type keyPlace struct {
	partition Partition
	offset    Offset
}

// keyTable remembers the idempotency keys of one topic, and those that are
// being appended right now.
type keyTable struct {
	perPartition int           // newest keys remembered
	age          time.Duration // for how long
	mu           struct {
		sync.Mutex
		places map[keyHash]keyPlace
		oldest [][]rememberedKey // by partition, in the order of appending
		flying map[keyHash]chan struct{}
	}
}

func newKeyTable(partitions int, perPartition int, age time.Duration) *keyTable {
	k := &keyTable{perPartition: perPartition, age: age}
	k.mu.places = map[keyHash]keyPlace{}
	k.mu.oldest = make([][]rememberedKey, partitions)
	k.mu.flying = map[keyHash]chan struct{}{}
	return k
}

// claim waits while the same key is being appended. Then it either finds where
// the key was appended, or makes the caller the one who appends it; such a
// caller must release the key afterwards.
func (k *keyTable) claim(ctx context.Context, hash keyHash) (place keyPlace, known bool, err error) {
	for {
		k.mu.Lock()
		landed, busy := k.mu.flying[hash]
		if !busy {
			place, known = k.mu.places[hash]
			k.mu.flying[hash] = make(chan struct{})
			k.mu.Unlock()
			return place, known, nil
		}
		k.mu.Unlock()
		select {
		case <-landed:
		case <-ctx.Done():
			return place, false, ctx.Err()
		}
	}
}

// release lets those go on who wait for the same key.
func (k *keyTable) release(hash keyHash) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.mu.flying[hash])
	delete(k.mu.flying, hash)
}

// find looks a key up without claiming it.
func (k *keyTable) find(hash keyHash) (keyPlace, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	place, known := k.mu.places[hash]
	return place, known
}

// remember notes a durable key and forgets those outside of the window.
func (k *keyTable) remember(p Partition, key rememberedKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.places[key.hash] = keyPlace{p, key.offset}
	k.mu.oldest[p] = append(k.mu.oldest[p], key)
	for len(k.mu.oldest[p]) > k.perPartition || key.timeMS-k.mu.oldest[p][0].timeMS > k.age.Milliseconds() {
		k.forgetOldest(p)
	}
}

// forgetBefore drops the keys of batches that retention removed.
func (k *keyTable) forgetBefore(p Partition, start Offset) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.mu.oldest[p]) > 0 && k.mu.oldest[p][0].offset < start {
		k.forgetOldest(p)
	}
}

// forgetOldest drops one key; the caller holds the mutex.
func (k *keyTable) forgetOldest(p Partition) {
	oldest := k.mu.oldest[p][0]
	k.mu.oldest[p] = k.mu.oldest[p][1:]
	if k.mu.places[oldest.hash] == (keyPlace{p, oldest.offset}) {
		delete(k.mu.places, oldest.hash)
	}
}

// remembered copies the keys of a partition, oldest first.
func (k *keyTable) remembered(p Partition) []rememberedKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]rememberedKey(nil), k.mu.oldest[p]...)
}
