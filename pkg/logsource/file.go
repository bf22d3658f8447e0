package logsource

import "context"

func (f *Follower) runFile(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
