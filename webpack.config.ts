import path from 'path';
import type { Configuration, RuleSetRule } from 'webpack';

import grafanaConfig, { type Env } from './.config/webpack/webpack.config.ts';

// The oldest Grafana that plugin.json allows (12.2) does not share react/jsx-runtime with plugins:
// an import of it would fail there at load time. So JSX is compiled to React.createElement, and the
// two runtime modules are not left to Grafana. `npm run check:bundle` watches over it.
const notSharedByGrafana = new Set<unknown>(['react/jsx-runtime', 'react/jsx-dev-runtime']);

const config = async (env: Env): Promise<Configuration> => {
  const base = await grafanaConfig(env);

  if (Array.isArray(base.externals)) {
    base.externals = base.externals.filter((external) => !notSharedByGrafana.has(external));
  }
  for (const rule of (base.module?.rules ?? []) as RuleSetRule[]) {
    const use = rule.use;
    if (use && typeof use === 'object' && 'loader' in use && use.loader === 'swc-loader') {
      const options = use.options as { jsc: { transform?: unknown } };
      options.jsc.transform = { react: { runtime: 'classic' } };
    }
  }

  // The back end is built into the same folder, before or after, for any platform.
  base.output = { ...base.output, clean: { keep: /^(gpx_storagenode_monitor|go_plugin_build_manifest)/ } };

  if (base.cache && base.cache !== true && base.cache.type === 'filesystem') {
    base.cache.buildDependencies = {
      config: [...(base.cache.buildDependencies?.config ?? []), path.resolve(process.cwd(), 'webpack.config.ts')],
    };
  }
  return base;
};

export default config;
