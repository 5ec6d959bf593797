package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// connection is one client. Its goroutine reads a request, answers it, and reads
// the next.
type connection struct {
	door    *Door
	net     net.Conn
	begun   time.Time
	login   *login // nil when nobody has to log in, or somebody has
	exports exports
	client  string // as the request under way names it
	out     []byte
	pause   time.Duration // before the next request is read, as the client was told
}

func newConnection(d *Door, c net.Conn) *connection {
	k := &connection{door: d, net: c, begun: time.Now(), exports: exports{all: &d.readings}}
	if d.config.Users != nil {
		k.login = &login{users: d.config.Users}
	}
	return k
}

// serve answers requests until the client leaves, or has to.
func (c *connection) serve() {
	defer c.exports.close()
	for {
		err := c.serveOne()
		if err == nil {
			c.rest()
			continue
		}
		if c.door.ctx.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
			c.door.config.Logger.Info("a Kafka connection ends", "client", c.client, "address", c.net.RemoteAddr().String(), "reason", err.Error())
		}
		return
	}
}

// rest lets a client wait that has sent more than it may, whether it keeps to what it
// was told or not: its next requests stay in its socket.
func (c *connection) rest() {
	if c.pause <= 0 {
		return
	}
	c.door.metrics.throttled.Inc()
	timer := time.NewTimer(c.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.door.ctx.Done():
	}
	c.pause = 0
}

// serveOne reads and answers one request.
func (c *connection) serveOne() error {
	ctx := c.door.ctx
	size, key, err := c.readSize()
	if err != nil {
		return err
	}
	if err := c.door.frames.take(ctx, size); err != nil {
		return err
	}
	held := size
	defer func() { c.door.frames.give(held) }()
	frame := make([]byte, size)
	binary.BigEndian.PutUint16(frame, uint16(key))
	if err := c.net.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.net, frame[keyBytes:]); err != nil {
		return fmt.Errorf("read a frame of %d bytes: %w", size, err)
	}
	if key != produceKey {
		// It is small, and it may wait for long: for other members, or for events.
		c.door.frames.give(held)
		held = 0
	}
	return c.answer(ctx, frame)
}

const (
	sizeBytes = 4 // of a frame's length
	keyBytes  = 2 // of the API's key, which stands first in it
)

// readSize reads the length of the next frame and what it is about, and refuses
// one that is too long for that before anything is allocated.
func (c *connection) readSize() (size int, key int16, err error) {
	deadline := time.Now().Add(idleMax)
	if c.login != nil {
		deadline = c.begun.Add(loginMax)
	}
	if err := c.net.SetReadDeadline(deadline); err != nil {
		return 0, 0, err
	}
	var b [sizeBytes + keyBytes]byte
	if _, err := io.ReadFull(c.net, b[:]); err != nil {
		return 0, 0, err
	}
	key = int16(binary.BigEndian.Uint16(b[sizeBytes:]))
	said, most := int64(binary.BigEndian.Uint32(b[:])), int64(smallFrameMax)
	switch {
	case c.login != nil:
		most = strangerFrameMax
	case key == produceKey:
		most = frameBytesMax
	}
	if said < headerBytesMin || said > most {
		return 0, 0, fmt.Errorf("%w: a frame of %d bytes, not %d to %d", errMalformed, said, headerBytesMin, most)
	}
	return int(said), key, nil
}

// answer answers the request in a frame.
func (c *connection) answer(ctx context.Context, frame []byte) error {
	r, err := readRequest(frame)
	c.client = r.client
	if errors.Is(err, errVersion) && r.key == apiVersionsKey {
		return c.send(r.header, unknownVersions())
	}
	if err != nil {
		return fmt.Errorf("request %d of version %d: %w", r.key, r.version, err)
	}
	api := apis[r.key]
	c.door.metrics.requests.WithLabelValues(api.name).Inc()
	if c.login != nil && !api.stranger {
		return fmt.Errorf("%s before the login", api.name)
	}
	if r.produce != nil {
		response := c.produce(ctx, r.produce, r.version)
		if response == nil {
			return nil // the client wants no answer
		}
		return c.send(r.header, response)
	}
	response := r.message.ResponseKind()
	if fetched, isFetch := r.message.(*kmsg.FetchRequest); isFetch {
		return c.fetch(ctx, r.header, fetched, response.(*kmsg.FetchResponse))
	}
	if err := c.fill(ctx, r.message, response); err != nil {
		return fmt.Errorf("%s: %w", api.name, err)
	}
	return c.send(r.header, response)
}

// send writes an answer. A client that does not read it is left.
func (c *connection) send(h header, response kmsg.Response) error {
	c.out = appendResponse(c.out[:0], h, response)
	if err := c.net.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.net.Write(c.out)
	if cap(c.out) > smallFrameMax {
		c.out = nil
	}
	return err
}

// throttle is how long a client should wait before it sends more: it grows with
// what is in memory beyond half of the budget.
func (c *connection) throttle() int32 {
	over := min(2*c.door.frames.load()-1, 1)
	if over <= 0 {
		return 0
	}
	return int32(over * float64(throttleMax.Milliseconds()))
}
