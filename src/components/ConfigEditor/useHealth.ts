import { useCallback, useEffect, useRef, useState } from 'react';

import { errorText, fetchHealth } from '../../backend';
import { type HealthAnswer, type NodeEntry } from '../../types';

export interface Health {
  phase: 'none' | 'asking' | 'answered' | 'failed';
  answer?: HealthAnswer;
  error?: string;
  /** The nodes that the answer is about: those that were saved when it was asked for. */
  nodes: NodeEntry[];
  ask: () => void;
}

/**
 * Asks for the checks when the editor opens and after every save, which raises the version. The
 * answer comes from the saved settings, so what has been changed since is not in it.
 */
export function useHealth(uid: string, version: number | undefined, nodes: NodeEntry[]): Health {
  const [state, setState] = useState<Omit<Health, 'ask'>>({ phase: 'none', nodes: [] });
  const latest = useRef(0);
  const saved = useRef(nodes);

  const ask = useCallback(() => {
    const mine = ++latest.current;
    const asked = saved.current;
    if (asked.length === 0) {
      setState({ phase: 'none', nodes: [] });
      return;
    }
    setState((before) => ({ ...before, phase: 'asking', nodes: asked }));
    fetchHealth(uid).then(
      (answer) => mine === latest.current && setState({ phase: 'answered', answer, nodes: asked }),
      (error) => mine === latest.current && setState({ phase: 'failed', error: errorText(error), nodes: asked })
    );
  }, [uid]);

  useEffect(() => {
    // At these moments the nodes in the editor are the saved ones.
    saved.current = nodes;
    ask();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- a change of the nodes alone is not saved yet
  }, [ask, version]);

  return { ...state, ask };
}
