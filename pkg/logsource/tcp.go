package logsource

import "context"

func (f *Follower) runTCP(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
