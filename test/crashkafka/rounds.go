package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"tidemark/test/cluster"
)

const (
	loadMax   = 1500 * time.Millisecond // from ready until something happens
	zombieMax = time.Second             // that one is awake beside its heir
	heirMax   = 90 * time.Second        // until an heir has written an epoch
)

// drill is a run of everything.
type drill struct {
	dir, program string
	random       *rand.Rand
	broker       *cluster.Broker
	load         *load
	current      *instance
	folders      int
}

func (d *drill) pause(most time.Duration) time.Duration {
	return time.Duration(d.random.Int64N(int64(most)))
}

func (d *drill) run(ctx context.Context, rounds int) error {
	if err := d.broker.Start(ctx); err != nil {
		return err
	}
	var err error
	if d.load, err = newLoad(ctx, d.broker.Address()); err != nil {
		return err
	}
	if err := d.define(); err != nil {
		return err
	}
	if d.current, err = d.startInstance(d.folder()); err != nil {
		return err
	}
	for round := range rounds {
		what, err := d.round(ctx)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", round+1, what, err)
		}
		fmt.Printf("round %d of %d: %s, %d events so far\n", round+1, rounds, what, d.load.events)
	}
	if err := d.load.finish(ctx); err != nil {
		return err
	}
	return d.load.check(ctx, d.broker.Address())
}

// define writes the project.
func (d *drill) define() error {
	project := filepath.Join(d.dir, "project")
	if err := os.MkdirAll(project, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(project, "tidemark.yaml"), []byte("name: crashkafka\n"), 0o644),
		os.WriteFile(filepath.Join(project, "tables.sql"), []byte(definitions(d.broker.Address())), 0o644))
}

// folder names a new data folder.
func (d *drill) folder() string {
	d.folders++
	return filepath.Join(d.dir, fmt.Sprintf("data-%d", d.folders))
}

// end ends everything that runs.
func (d *drill) end() {
	d.current.kill()
	if d.load != nil {
		d.load.client.Close()
	}
	_ = d.broker.Kill()
}

// round produces for a while and lets something happen.
func (d *drill) round(ctx context.Context) (what string, err error) {
	if d.random.IntN(5) > 0 { // else it happens while the instance starts
		if err := d.current.waitReady(ctx); err != nil {
			return "start", err
		}
	}
	if err := d.produce(ctx, d.pause(loadMax)); err != nil {
		return "produce", err
	}
	switch d.random.IntN(4) {
	case 0:
		return "the broker was killed", d.killBroker(ctx)
	case 1:
		return "an instance slept while another took over", d.sleepWalk(ctx)
	}
	d.current.kill()
	d.current, err = d.startInstance(d.current.data)
	return "tidemark was killed", err
}

func (d *drill) produce(ctx context.Context, length time.Duration) error {
	for begin := time.Now(); ; {
		if err := d.load.step(ctx, d.random.IntN); err != nil {
			return err
		}
		if time.Since(begin) > length {
			return nil
		}
	}
}

func (d *drill) killBroker(ctx context.Context) error {
	if err := d.broker.Kill(); err != nil {
		return err
	}
	return d.broker.Start(ctx)
}

// sleepWalk stops an instance where it is, begins another on a copy of its data,
// and wakes the first one when the other has written something.
func (d *drill) sleepWalk(ctx context.Context) error {
	zombie := d.current
	if err := zombie.waitReady(ctx); err != nil {
		return err
	}
	if err := zombie.sleep(); err != nil {
		return err
	}
	defer func() { zombie.kill() }()
	heir := d.folder()
	if err := os.CopyFS(heir, os.DirFS(zombie.data)); err != nil {
		return fmt.Errorf("copy the data: %w", err)
	}
	before, err := d.markers(ctx)
	if err != nil {
		return err
	}
	if d.current, err = d.startInstance(heir); err != nil {
		return err
	}
	for begin := time.Now(); ; {
		if err := d.load.step(ctx, d.random.IntN); err != nil {
			return err
		}
		now, err := d.markers(ctx)
		if err != nil {
			return err
		}
		if now[0] > before[0] && now[1] > before[1] {
			break
		}
		if time.Since(begin) > heirMax {
			return fmt.Errorf("the heir has written nothing: epochs %v, then %v", before, now)
		}
	}
	if err := zombie.wake(); err != nil {
		return err
	}
	return d.produce(ctx, d.pause(zombieMax))
}

// markers reads how far the two sinks have got.
func (d *drill) markers(ctx context.Context) (all [2]int64, err error) {
	admin := kadm.NewClient(d.load.client)
	for i, topic := range []string{windowTopic, joinTopic} {
		offsets, err := admin.FetchOffsets(ctx, "tidemark-sink-drill-"+topic)
		if err != nil {
			return all, err
		}
		if found, ok := offsets.Lookup(topic, 0); ok {
			all[i] = found.At
		}
	}
	return all, nil
}
