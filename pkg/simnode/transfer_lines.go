package simnode

// pieceFields writes piece, satellite and action.
func (n *Node) pieceFields(t *transfer) {
	l := n.log
	l.piece(kPieceID, t.piece.key)
	l.str(kSatelliteID, n.satellites[t.sat].ID)
	l.str(kAction, actionNames[t.action])
}

// downloadFields writes all the fields that the lines of a download share.
func (n *Node) downloadFields(t *transfer) {
	n.pieceFields(t)
	if n.version.since(minorRemoteAddress) {
		n.log.int(kOffset, t.offset)
		n.log.int(kSize, t.size)
		n.log.peer(kRemoteAddress, t.peer)
	}
}

// uploadFields writes the fields of an upload's end, with the error where it
// has one; their order has changed.
func (n *Node) uploadFields(t *transfer, text, stack string) {
	l := n.log
	n.pieceFields(t)
	if n.version.since(minorPeerBeforeSize) {
		l.peer(kRemoteAddress, t.peer)
		l.int(kSize, t.size)
		if text != "" {
			l.failure(text, stack)
		}
		return
	}
	if text != "" {
		l.failure(text, stack)
	}
	l.int(kSize, t.size)
	if n.version.since(minorRemoteAddress) {
		l.peer(kRemoteAddress, t.peer)
	}
}

// raceLost says whether the line is the one of v1.86 to v1.112.
func (t *transfer) raceLost(v softwareVersion) bool {
	return t.outcome == canceled && t.draw&1 == 1 && v.since(minorRaceLost) && !v.since(minorCancelReason)
}

// raceLostUnnamed says whether the line names the piece only.
func (t *transfer) raceLostUnnamed(v softwareVersion) bool {
	return t.raceLost(v) && !v.since(minorPeerBeforeSize)
}

// writeUpload writes the line of an upload's end.
func (n *Node) writeUpload(at int64, t *transfer) bool {
	l := n.log
	switch t.outcome {
	case success:
		if !l.begin(at, mUploaded) {
			return false
		}
		n.uploadFields(t, "", "")
	case canceled:
		if t.raceLost(n.version) {
			return n.writeRaceLost(at, t, mUploadRaceLost)
		}
		if !l.begin(at, mUploadCanceled) {
			return false
		}
		n.uploadFields(t, "", "")
	default:
		lv, text, stack := n.uploadError(t)
		if t.reason == peerGone && n.version.since(minorUploadInternal) && t.draw%4 == 0 {
			if l.begin(at, mUploadInternal) {
				l.failure(text, stack)
				l.end()
			}
		}
		if !l.beginAs(at, lv, mUploadFailed) {
			return false
		}
		n.uploadFields(t, text, stack)
	}
	l.end()
	return true
}

// writeRaceLost writes the line that v1.86 to v1.112 have for a lost race, with
// its DEBUG twin, which says the same once more.
func (n *Node) writeRaceLost(at int64, t *transfer, id messageID) bool {
	l := n.log
	written := l.begin(at, id)
	if written {
		switch {
		case !n.version.since(minorPeerBeforeSize):
			l.piece(kPieceID, t.piece.key)
		case id == mUploadRaceLost:
			n.pieceFields(t)
			l.peer(kRemoteAddress, t.peer)
		default:
			n.downloadFields(t)
		}
		l.end()
	}
	const text = "manager closed: closed: read tcp: use of closed network connection"
	if id == mUploadRaceLost {
		if l.beginAs(at, lvDebug, mUploadFailed) {
			n.uploadFields(t, text, closedStack)
			l.end()
		}
	} else if l.beginAs(at, lvDebug, mDownloadCanceled) {
		n.downloadFields(t)
		l.failure(text, closedStack)
		l.end()
	}
	return written
}

// writeDownload writes the line of a download's end; it says which outcome the
// line stands for, since an audit may succeed and yet be canceled in the log.
func (n *Node) writeDownload(at int64, t *transfer) (outcome, bool) {
	l := n.log
	switch t.outcome {
	case success:
		if !l.begin(at, mDownloaded) {
			return t.outcome, false
		}
		n.downloadFields(t)
	case canceled:
		if t.raceLost(n.version) {
			return t.outcome, n.writeRaceLost(at, t, mDownloadRaceLost)
		}
		if !l.begin(at, mDownloadCanceled) {
			return t.outcome, false
		}
		n.downloadFields(t)
		if n.version.since(minorCancelReason) {
			l.text(kReason, t.cancelReason())
		}
	default:
		text, stack := n.downloadError(t)
		if t.reason == readError && l.begin(at, mPieceReader) {
			n.downloadFields(t)
			l.failure(text, stack)
			l.end()
		}
		if t.reason == pieceMissing {
			n.foundLost(at, t)
		}
		if !l.begin(at, mDownloadFailed) {
			return t.outcome, false
		}
		n.downloadFields(t)
		l.failure(text, stack)
	}
	l.end()
	return t.outcome, true
}
