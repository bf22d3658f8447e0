package simnode

import (
	"fmt"
	"strings"
)

// The stacks are those of recorded lines.
const (
	serveStack = "\n\tstorj.io/drpc/drpcmux.(*Mux).HandleRPC:33\n\tstorj.io/common/rpc/rpctracing.(*Handler).HandleRPC:62\n\tstorj.io/common/experiment.(*Handler).HandleRPC:43\n\tstorj.io/drpc/drpcserver.(*Server).handleRPC:166\n\tstorj.io/drpc/drpcserver.(*Server).ServeOne:108\n\tstorj.io/drpc/drpcserver.(*Server).Serve.func2:156\n\tstorj.io/drpc/drpcctx.(*Tracker).track:35"

	uploadCanceledStack = "\n\tstorj.io/common/rpc/rpcstatus.NamedWrap:117\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload.func6:502\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload:515\n\tstorj.io/common/pb.DRPCPiecestoreDescription.Method.func1:294" + serveStack

	uploadEOFStack = "\n\tstorj.io/common/rpc/rpcstatus.NamedError:126\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload:535\n\tstorj.io/common/pb.DRPCPiecestoreDescription.Method.func1:294" + serveStack

	uploadPipeStack = "\n\tstorj.io/drpc/drpcstream.(*Stream).sendPacketLocked:336\n\tstorj.io/drpc/drpcstream.(*Stream).CloseSend:618\n\tstorj.io/common/pb.(*drpcPiecestore_UploadStream).SendAndClose:386\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload.func6.2:492\n\tstorj.io/storj/storagenode/piecestore.withTimeout[...]:1187\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload.func6:488\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload:515\n\tstorj.io/common/pb.DRPCPiecestoreDescription.Method.func1:294" + serveStack

	downloadPipeStack = "\n\tstorj.io/drpc/drpcstream.(*Stream).rawFlushLocked:428\n\tstorj.io/drpc/drpcstream.(*Stream).MsgSend:489\n\tstorj.io/common/pb.(*drpcPiecestore_DownloadStream).Send:416\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).sendData.func1:917\n\tstorj.io/storj/storagenode/piecestore.withTimeout[...]:1187\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).sendData:915\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Download.func7:810\n\tgolang.org/x/sync/errgroup.(*Group).Go.func1:93"

	pieceMissingStack = "\n\tstorj.io/storj/storagenode/hashstore.(*DB).Read:443\n\tstorj.io/storj/storagenode/piecestore.(*HashStoreBackend).Reader:339\n\tstorj.io/storj/storagenode/piecestore.(*MigratingBackend).Reader:197\n\tstorj.io/storj/storagenode/piecestore.(*TestingBackend).Reader:105\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Download:728\n\tstorj.io/common/pb.DRPCPiecestoreDescription.Method.func2:302" + serveStack

	blobMissingStack = "\n\tstorj.io/common/rpc/rpcstatus.Wrap:73\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Download:546\n\tstorj.io/common/pb.DRPCPiecestoreDescription.Method.func2:302" + serveStack

	pieceReaderStack = "\n\tstorj.io/storj/storagenode/pieces.(*Reader).Read:309\n\tio.ReadAtLeast:335\n\tio.ReadFull:354\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).sendData:905\n\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Download.func7:810\n\tgolang.org/x/sync/errgroup.(*Group).Go.func1:93"

	closedStack = "\n\tstorj.io/drpc/drpcmanager.(*Manager).manageReader:233"
)

// uploadError is the level and the words of a failed upload.
func (n *Node) uploadError(t *transfer) (lv level, text, stack string) {
	switch t.reason {
	case peerGone:
		lv = lvWarn
		text, stack = n.connectionError("write", t, "broken pipe"), uploadPipeStack
	case connectionLost:
		lv = lvWarn
		text, stack = n.connectionError("read", t, "connection reset by peer"), uploadPipeStack
	case peerClosed:
		return lvDebug, "unexpected EOF", uploadEOFStack
	default:
		return lvDebug, "context canceled", uploadCanceledStack
	}
	if !n.version.since(minorUploadWarn) {
		lv = lvError
	}
	return lv, text, stack
}

// connectionError is an error of the connection to a transfer's peer.
func (n *Node) connectionError(verb string, t *transfer, what string) string {
	return fmt.Sprintf("%s tcp 172.17.0.3:%d->%s: %s: %s", verb, n.opt.Port, appendPeer(nil, t.peer), verb, what)
}

// downloadError is the words of a failed download.
func (n *Node) downloadError(t *transfer) (text, stack string) {
	switch t.reason {
	case pieceMissing:
		if n.version.since(minorHashstore) {
			return "hashstore: file does not exist", pieceMissingStack
		}
		return "file does not exist", blobMissingStack
	case readError:
		return "pieces error: read " + n.blobPath(t) + ": input/output error", pieceReaderStack
	case connectionLost:
		return n.connectionError("write", t, "connection reset by peer"), downloadPipeStack
	default:
		return n.connectionError("write", t, "broken pipe"), downloadPipeStack
	}
}

// blobPath is where a piece lies outside the hashstore.
func (n *Node) blobPath(t *transfer) string {
	id := strings.ToLower(pieceID(t.piece.key))
	folder := strings.ToLower(string(appendPieceID(nil, uint64(t.sat)+77)))
	return n.home() + "/storage/blobs/" + folder + "/" + id[:2] + "/" + id[2:] + ".sj1"
}

// cancelReason is the reason that a canceled download gives since v1.113.
func (t *transfer) cancelReason() string {
	switch t.reason {
	case peerClosed:
		return "stream closed by peer"
	case sizeMismatch:
		sent := t.size / 256 * int64(t.draw%8) / 8 * 256
		return fmt.Sprintf("downloaded size (%d bytes) does not match received message size (%d bytes)", sent, t.size)
	default:
		return "context canceled"
	}
}
