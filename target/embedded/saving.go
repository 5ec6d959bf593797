package embedded

import (
	"context"
	"io"

	"tidemark/base/problem"
	"tidemark/target"
)

var _ target.Saving = (*Jobs)(nil)

// Save keeps the present moment of a job.
func (j *Jobs) Save(ctx context.Context, table, name string) (target.Savepoint, error) {
	k, err := j.keeperOf(table)
	if err == nil {
		err = checkSavepointName(name)
	}
	if err != nil {
		return target.Savepoint{}, err
	}
	return k.save(ctx, name, false)
}

func checkSavepointName(name string) error {
	if !savepointNames.MatchString(name) {
		return problem.New(problem.InvalidRequest, "a savepoint cannot be called %q", name).About("name").
			WithHint("use up to 64 letters, digits, and _ . - behind the first")
	}
	return nil
}

// Savepoints lists what there is of a table's job, newest first.
func (j *Jobs) Savepoints(table string) ([]target.Savepoint, error) {
	k, err := j.keeperOf(table)
	if err != nil {
		return nil, err
	}
	return k.savepoints(), nil
}

// Restore takes a job back to a savepoint.
func (j *Jobs) Restore(ctx context.Context, table, name string) error {
	k, err := j.keeperOf(table)
	if err == nil {
		err = checkSavepointName(name)
	}
	if err == nil {
		err = k.savable()
	}
	if err != nil {
		return err
	}
	return k.between(ctx, func() error {
		k.saving.Lock() // nobody removes it meanwhile
		defer k.saving.Unlock()
		return k.putBack(k.ctx, name)
	})
}

// Forget removes a savepoint.
func (j *Jobs) Forget(_ context.Context, table, name string) error {
	k, err := j.keeperOf(table)
	if err == nil {
		err = checkSavepointName(name)
	}
	if err != nil {
		return err
	}
	return k.forget(name)
}

// Export opens a savepoint's file.
func (j *Jobs) Export(table, name string) (io.ReadCloser, error) {
	k, err := j.keeperOf(table)
	if err == nil {
		err = checkSavepointName(name)
	}
	if err != nil {
		return nil, err
	}
	_, f, err := k.openSavepoint(name)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return j.options.Files.Open(k.savepointPath(name))
}

// Import keeps a file that was exported, when it fits the job.
func (j *Jobs) Import(ctx context.Context, table, name string, file io.Reader) (target.Savepoint, error) {
	k, err := j.keeperOf(table)
	if err == nil {
		err = checkSavepointName(name)
	}
	if err == nil {
		err = k.savable()
	}
	if err != nil {
		return target.Savepoint{}, err
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	if _, err := j.options.Files.Stat(k.savepointPath(name)); err == nil {
		return target.Savepoint{}, problem.New(problem.AlreadyExists, "%s has a savepoint %s", table, name).WithHint("use another name, or delete it first")
	}
	return k.importFile(ctx, name, file)
}
