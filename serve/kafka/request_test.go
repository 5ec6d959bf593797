package kafka

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/problem"
)

// frame is a request as it stands in a frame, after the length.
func frame(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, r, 7)[4:]
}

func produceFrame(version int16, records []byte) []byte {
	q := kmsg.NewPtrProduceRequest()
	q.Version, q.Acks, q.TimeoutMillis, q.TransactionID = version, -1, 1000, kmsg.StringPtr("tx")
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "clicks"
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = 1, records
	topic.Partitions = append(topic.Partitions, part, part)
	q.Topics = append(q.Topics, topic)
	return frame(q)
}

func TestProduceRequestIsReadAsKmsgWritesIt(t *testing.T) {
	for version := apis[produceKey].least; version <= apis[produceKey].most; version++ {
		r, err := readRequest(produceFrame(version, []byte("batch")))
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		q := r.produce
		if r.client != "test" || r.correlation != 7 || q.transaction != "tx" || q.acks != -1 || q.timeout != time.Second || len(q.parts) != 2 {
			t.Errorf("version %d: %+v, %+v", version, r, q)
		}
		if p := q.parts[1]; p.topic != "clicks" || p.partition != 1 || string(p.records) != "batch" {
			t.Errorf("version %d: %+v", version, p)
		}
	}
}

// Every request that is served can be read and has an answer, in all versions.
func TestEveryVersionIsReadAndAnswered(t *testing.T) {
	for key, api := range apis {
		if name := kmsg.NameForKey(key); key != produceKey && name == "Unknown" {
			t.Errorf("there is no API %d", key)
		}
		for version := api.least; version <= api.most; version++ {
			if key == produceKey {
				continue
			}
			q := kmsg.RequestForKey(key)
			q.SetVersion(version)
			r, err := readRequest(frame(q))
			if err != nil {
				t.Errorf("%s version %d: %v", api.name, version, err)
				continue
			}
			response := r.message.ResponseKind()
			out := appendResponse(nil, r.header, response)
			if int(binary.BigEndian.Uint32(out)) != len(out)-4 || binary.BigEndian.Uint32(out[4:]) != 7 {
				t.Errorf("%s version %d: answer % x", api.name, version, out)
			}
		}
		q := kmsg.RequestForKey(key)
		q.SetVersion(min(api.most+1, q.MaxVersion()))
		if q.GetVersion() > api.most {
			if _, err := readRequest(frame(q)); !errors.Is(err, errVersion) {
				t.Errorf("%s version %d: %v", api.name, q.GetVersion(), err)
			}
		}
	}
}

// A client that says too much is left before memory is taken for it.
func TestHostileFrames(t *testing.T) {
	s := newStand(t, nil)
	for name, text := range map[string][]byte{
		"a length of 2 GiB":          {0x7f, 0xff, 0xff, 0xff, 0, 0},
		"a negative length":          {0xff, 0xff, 0xff, 0xff, 0, 0},
		"a length of nothing":        {0, 0, 0, 0, 0, 18},
		"an unknown API":             {0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"a large one of a small API": {0, 0x10, 0, 0, 0, 3},
		"the web":                    []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a count without content":    {0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff},
	} {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(c); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: answered with % x, %v", name, rest, err)
		}
		_ = c.Close()
	}
	if load := s.door.frames.load(); load != 0 {
		t.Errorf("%f of the budget is not given back", load)
	}
}

func TestAskingInAVersionOfTheFuture(t *testing.T) {
	s := newStand(t, nil)
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0}); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	answer := kmsg.NewPtrApiVersionsResponse()
	if err := answer.ReadFrom(b[4:]); err != nil || answer.ErrorCode != unsupportedVersion || len(answer.ApiKeys) != len(apis) {
		t.Errorf("%v: %+v", err, answer)
	}
}

// What decompresses to more than a batch may have is refused, whatever the codec.
func TestBombs(t *testing.T) {
	for codec, bomb := range bombs(t) {
		if plain, err := decompress(codec, bomb); !problem.Is(err, problem.TooLarge) {
			t.Errorf("codec %d: %d bytes become %d, %v", codec, len(bomb), len(plain), err)
		}
		if _, err := decompress(codec, bomb[:len(bomb)/2]); err == nil {
			t.Errorf("codec %d: half of it is accepted", codec)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(produceFrame(8, []byte("batch")))
	for key, api := range apis {
		if key != produceKey {
			q := kmsg.RequestForKey(key)
			q.SetVersion(api.most)
			f.Add(frame(q))
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) > 4096 {
			return
		}
		r, err := readRequest(frame)
		if err == nil && r.produce != nil {
			for _, part := range r.produce.parts {
				_, _ = readBatch(part.records)
			}
		}
	})
}

func FuzzBatch(f *testing.F) {
	w := batchWriter{start: -1}
	w.begin(0, 1)
	w.finish(1)
	f.Add(w.out)
	f.Fuzz(func(t *testing.T, b []byte) {
		if batch, err := readBatch(b); err == nil && (batch.count < 1 || len(batch.records) > batchBytesMax) {
			t.Errorf("%+v", batch)
		}
	})
}
