package logsource

import "context"

func (f *Follower) runDocker(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
