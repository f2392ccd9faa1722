// The parts of ECharts that the pages use, and nothing else: a third of the whole. Bars and shares are drawn by the server.
import * as echarts from "echarts/core";
import { MapChart } from "echarts/charts";
import { GeoComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([MapChart, GeoComponent, TooltipComponent, CanvasRenderer]);
window.echarts = echarts;
